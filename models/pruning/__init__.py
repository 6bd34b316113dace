"""Heads switched off: what that does to a text, which heads matter, and how many can go."""
