"""How keys, values and latents are kept from token to token, and in how many bytes."""
