"""The hub: stores events of connected solutions and delivers them to subscriptions and functions."""

__version__ = "0.1.0"
