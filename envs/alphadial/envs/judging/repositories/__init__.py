"""Patches to repositories, graded in fresh boxes."""
