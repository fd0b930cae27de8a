"""Contracts of the noun `delivery`, one module per version."""
