"""Who posts, and as whom its events are stored: an Application, a Function, or nobody in particular. Pure.

A Function shows who it is by its token, and that is the source of what it publishes, whatever the event says: the fifth
promise. Beside the source stands how many Functions the chain of events has come through, so that a circle ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from contracts.envelope import DEPTH, PREFIX
from hub.ingress.addresses import Addresses
from hub.ingress.model import Admitted
from hub.kernel.errors import NotPermitted
from hub.kernel.workload import DEPTH_HEADER, HEADER, SHADOW, Workloads

Sources = Literal["identity", "own"]
_TOKEN, _DEPTH = HEADER.decode(), DEPTH_HEADER.decode()
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Poster:
    """Who posts."""

    application: str | None
    """At whose path; None at `/publish`."""
    workload: str = ""
    """`scope/name` of the Function whose token it brings."""
    depth: int = 0
    """How many Functions its event has come through, this one included; 0 for who is no Function."""

    @property
    def name(self) -> str | None:
        """Return by what name it is limited and counted."""
        return self.workload or self.application


def poster_of(headers: Mapping[str, str], application: str | None, workloads: Workloads | None) -> Poster:
    """Return who posts.

    Args:
        headers: of the request, lower-case names.
        application: at whose path.
        workloads: reads tokens; None where tokens are not believed.

    Raises:
        NotAuthenticated: the token is nobody's.
        NotPermitted: it is that of a shadow, which publishes nothing.
    """
    token = headers.get(_TOKEN) if workloads is not None else None
    if token is None or workloads is None:
        return Poster(application)
    workload = workloads.of(token.encode("latin-1", "replace"))
    if workload.endswith(SHADOW):
        raise NotPermitted(f"{workload} is a shadow revision, and what it publishes is not stored; use PUBLISHER_URL.")
    said = headers.get(_DEPTH, "")
    before = int(said[:_DIGITS]) if said.isascii() and said.isdigit() else 0
    return Poster(application, workload, before + 1)


def source_of(poster: Poster, said: str, sources: Sources, addresses: Addresses) -> str | None:
    """Return the source that an event is stored under; None for what the event says.

    Args:
        poster: who posts.
        said: the source that the event gives.
        sources: whether a Function may name a source of its own.
        addresses: knows the names of Applications.

    Raises:
        NotPermitted: a Function gives the name of an Application.
    """
    if not poster.workload:
        return poster.application
    if sources == "identity" or not said.strip():
        return poster.workload
    if addresses.is_of_application(said):
        raise NotPermitted(
            f"{poster.workload} is a Function and may not publish as the Application '{said}'; give another source."
        )
    return said


def stamped(event: Admitted, poster: Poster) -> Admitted:
    """Return an event with the depth of its chain."""
    if not poster.depth:
        return event
    return replace(event, headers=event.headers + f"{PREFIX}{DEPTH}: {poster.depth}\r\n".encode())
