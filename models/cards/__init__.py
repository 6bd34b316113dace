"""What is known of a shipped model: how it was made, and what was measured of it."""
