"""Contracts of the noun `event`, one module per version."""
