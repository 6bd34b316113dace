"""Why a model says what it says: its residual stream as a sum of what its parts wrote, and logits as linear in each."""
