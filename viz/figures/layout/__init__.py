"""What all charts have in common: their look in both themes, their axes, ticks and lines, and how the page shows them."""
