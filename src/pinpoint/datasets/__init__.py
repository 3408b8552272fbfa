"""Real pictures and their labels, as training sees them."""
