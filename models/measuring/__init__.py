"""Contenders timed in turn and their memory measured; what a device can do at most."""
