"""Heads removed for real: foretold, done, timed, taken elsewhere."""
