"""Heads removed for good: smaller matrices, and a smaller cache wherever keys and values go with them."""
