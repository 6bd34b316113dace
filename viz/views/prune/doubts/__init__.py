"""What people say about pruning, each claim measured."""
