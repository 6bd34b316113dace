"""Parts of the latents switched off, and what breaks."""
