"""Contracts of the noun `application`, one module per version."""
