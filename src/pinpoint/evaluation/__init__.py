"""How close predictions are to the truth."""
