"""Compass mode: the hub as a Runtime that the Director manages."""
