"""What `models.measure` is made of: whose turn it is, one run of a model, and memory."""
