"""What a room says about its routes, as values in its own `description.py`; `hub/openapi.py` makes the document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
Content = Mapping[str, Schema]
"""Media type → schema."""

TEXT: Schema = {"type": "string"}


def reference(name: str) -> Schema:
    """Return a schema that refers to a named one."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one status means, and what comes with it."""

    meaning: str
    content: Content = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Name → meaning."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    """As the route has it."""
    summary: str
    answers: Mapping[int, Answer]
    body: Content = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """Required query parameter → meaning."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Optional request header → meaning."""
    certificate: bool = True
    """Whether the caller must present a client certificate."""

    @property
    def key(self) -> tuple[str, str]:
        """Return what it is told apart by."""
        return self.method, self.path


@dataclass(frozen=True, slots=True)
class Description:
    """What one room says about its routes."""

    title: str
    operations: tuple[Operation, ...]
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    """Named schemas that operations refer to."""
