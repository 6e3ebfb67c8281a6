"""Runs: configured, made attempt by attempt, stored in a folder, and resumed after any interruption."""
