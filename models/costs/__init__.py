"""What a model costs by arithmetic: cache, weights, operations, and how many people it can serve."""
