"""Attempts with tools: the LangGraph agent that takes turns, and what an interrupted attempt is resumed from."""
