"""Controllers side by side on recorded outcomes."""
