"""Contracts of the noun `subscription`, one module per version."""
