"""The catalog as commands see it: event types, what the catalog found out, and who wants what."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hub.commands.escaping import visible

if TYPE_CHECKING:
    from contracts.catalog.findings import RefusedSpec, UnknownType
    from contracts.catalog.v1 import EventTypeEntry
    from hub.commands.session import Session
    from hub.kernel.resource import Resource
    from hub.kernel.state import Codec

T = TypeVar("T")


@dataclass(frozen=True)
class Catalog:
    """What is known at this moment."""

    entries: list["EventTypeEntry"]
    unknown: list["UnknownType"]
    refused: list["RefusedSpec"]
    subscriptions: list["Resource"]
    default_check: str
    """What holds for event types that do not say themselves, as far as this machine's settings tell."""
    prefix: str
    """Of prefixed event types; likewise."""

    def of(self, application: str | None) -> "Catalog":
        """Return the part of one Application, or all."""

        def mine(found: list[Any]) -> list[Any]:
            return [each for each in found if application in (None, each.application)]

        return replace(self, entries=mine(self.entries), unknown=mine(self.unknown), refused=mine(self.refused))

    def versions(self, entry: "EventTypeEntry") -> list[str]:
        """Return the versions in which an Application offers what an event type says."""
        same = (entry.application, entry.name)
        return sorted(each.version for each in self.entries if (each.application, each.name) == same)

    def subscribers(self, entry: "EventTypeEntry") -> list[str]:
        """Return the Subscriptions that want an event type, as `<scope>/<name>`."""
        from hub.catalog.verdict import Wish, wants

        wishes = (Wish(f"{each.scope}/{each.name}", each.spec, self.prefix) for each in self.subscriptions)
        return [wish.name for wish in wishes if wants(wish, entry.application, entry.type)]


async def read_catalog(session: "Session") -> Catalog:
    """Return the whole catalog, sorted by Application and event type.

    Raises:
        UpstreamUnavailable: the event store does not answer.
    """
    from contracts import subjects
    from contracts.catalog import findings
    from hub.kernel.state import Codec

    found = await _read(session, subjects.CATALOG_FINDINGS, Codec(findings.encode, _without_revision(findings.decode)))
    entries = await read_entries(session)
    offered = {(entry.application, entry.type) for entry in entries}
    unknown = [each for each in found if isinstance(each, findings.UnknownType)]
    return Catalog(
        entries,
        [each for each in unknown if (each.application, each.type) not in offered],
        [each for each in found if isinstance(each, findings.RefusedSpec)],
        await session.resources(subjects.SUBSCRIPTIONS),
        session.settings.ingress.payload_check,
        session.settings.ingress.event_type_prefix,
    )


async def read_entries(session: "Session") -> list["EventTypeEntry"]:
    """Return all event types, sorted by Application and event type.

    Raises:
        UpstreamUnavailable: the event store does not answer.
    """
    from contracts import subjects
    from contracts.catalog.v1 import EventTypeEntry
    from hub.kernel.state import Codec

    codec = Codec(EventTypeEntry.encode, _without_revision(EventTypeEntry.decode))
    return await _read(session, subjects.EVENT_TYPES, codec)


def _without_revision(decode: Callable[[bytes], T]) -> Callable[[bytes, int], T]:
    return lambda raw, _revision: decode(raw)


async def _read(session: "Session", bucket: str, codec: "Codec[T]") -> list[T]:
    from hub.kernel.errors import UpstreamUnavailable
    from hub.kernel.state import View

    view = View(session.js, bucket, codec)
    view.start()
    try:
        await asyncio.wait_for(view.ready(), 10)
        return [value for _, value in sorted(view.items(), key=lambda item: item[0])]
    except TimeoutError as error:
        raise UpstreamUnavailable("The event catalog does not answer; is the hub up?") from error
    finally:
        await view.stop()


def print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Write a table for people to standard output, every cell as plain text."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        # Plain texts: a summary may hold what rich takes for mark-up.
        table.add_row(*(Text(visible(cell)) for cell in row))
    Console(soft_wrap=True).print(table)
