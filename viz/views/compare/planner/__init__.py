"""How many people one device can serve at once."""
