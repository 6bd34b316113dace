"""What multi-head latent attention (MLA) caches, and what heads read from it."""
