"""Which heads matter on other text, and how many can go."""
