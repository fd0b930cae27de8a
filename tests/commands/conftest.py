"""The registry's fixtures serve the commands too: they ask the owner of a kind."""

from tests.registry.conftest import registry

__all__ = ["registry"]
