"""Contracts of the noun `audit`, one module per version."""
