"""Contracts of the noun `function`, one module per version."""
