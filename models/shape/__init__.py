"""What a model is, from its config alone: which class, which heads, how wide, and what its cache holds."""
