"""What attention costs: cache, time, quality, and the tables beside them."""
