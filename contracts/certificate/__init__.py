"""Contracts of the noun `certificate`, one module per version."""
