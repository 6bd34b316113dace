"""The parts of the page Formation."""
