"""Recipes of every method and from every kind of file: what a family becomes by them, and what is refused."""
