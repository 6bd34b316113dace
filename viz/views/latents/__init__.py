"""The parts of the page Latents."""
