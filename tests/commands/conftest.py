"""What the tests of commands share: the registry that owns kinds, and the command line as a process."""

import pytest

from hub.settings import HubSettings
from tests.commands.line import Line
from tests.registry.conftest import registry

__all__ = ["registry"]


@pytest.fixture
def hub(settings: HubSettings) -> Line:
    """Return the command line, leading to the test's hub."""
    return Line(settings)
