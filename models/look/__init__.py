"""What a pass showed: captures, scores, losses, what a model writes, what latents hold."""
