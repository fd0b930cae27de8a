"""Contracts of the noun `catalog`, one module per version."""
