"""A converted model learns from the one it came from: the run, its folder, its process and what it tells."""
