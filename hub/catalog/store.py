"""What the catalog reads and keeps: stored specifications, the bucket of event types, and what it found out.

The known state comes from the bucket's view and from own writes, whichever is heard first. Each write looks at the
stored entry once more and goes through with its revision only, so that several processes may reconcile the same
Application and each change is still made, and announced, once.
"""

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping

from contracts.catalog import findings
from contracts.catalog.findings import Finding, RefusedSpec, UnknownType
from contracts.catalog.v1 import EventTypeEntry, entry_key, split_entry_key
from hub.catalog.model import Specification
from hub.kernel.errors import AlreadyExists, RevisionConflict
from hub.kernel.objects import Objects
from hub.kernel.state import Bucket, Codec, View

ENTRIES: Codec[EventTypeEntry] = Codec(EventTypeEntry.encode, lambda raw, _revision: EventTypeEntry.decode(raw))
FINDINGS: Codec[Finding] = Codec(findings.encode, lambda raw, _revision: findings.decode(raw))

_KEPT, _KEPT_BYTES = 512, 256 * 1024
"""How many documents are kept, and how large one of them may be."""


class Specifications:
    """The documents that Services registered, in the object store.

    Reading one costs the event store as much as registering it. The Application's status says which bytes are stored,
    so that of an Application with many Services only what changed is read again.
    """

    def __init__(self, objects: Objects) -> None:
        """Read from an object store."""
        self._objects = objects
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    async def read(self, application: str, service: str, digest: str = "") -> Specification:
        """Return the event catalog that a Service registered, with None for the document when nothing is stored.

        Args:
            application: its name.
            service: id of the Service.
            digest: SHA-256 of the document as the status says it, hex; empty when it says nothing.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        name = f"specs/{application}/{service}/asyncapi"
        kept = self._kept.get(name)
        if digest and kept is not None and kept[0] == digest:
            self._kept.move_to_end(name)
            return Specification(service, kept[1])
        found = await self._objects.get(name)
        self._keep(name, found)
        return Specification(service, found)

    def _keep(self, name: str, document: bytes | None) -> None:
        self._kept.pop(name, None)
        if document is not None and len(document) <= _KEPT_BYTES:
            self._kept[name] = (hashlib.sha256(document).hexdigest(), document)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


class EventTypes:
    """The event types of every Application."""

    def __init__(self, bucket: Bucket[EventTypeEntry], view: View[EventTypeEntry]) -> None:
        """Write a bucket, and follow it by its view."""
        self._bucket = bucket
        self._known: dict[str, dict[str, EventTypeEntry]] = {}
        self._listeners: list[Callable[[str], None]] = []
        view.on_change(self._hear)

    def on_foreign_change(self, listener: Callable[[str], None]) -> None:
        """Call a function with the Application's name whenever the bucket changes by other than own writes."""
        self._listeners.append(listener)

    def of(self, application: str) -> Mapping[str, EventTypeEntry]:
        """Return the known entries of one Application by event type."""
        return dict(self._known.get(application, {}))

    def applications(self) -> set[str]:
        """Return the names of the Applications that have entries."""
        return set(self._known)

    async def put(self, entry: EventTypeEntry) -> bool:
        """Store an entry; False when it is stored already or another process was faster."""
        key = entry_key(entry.application, entry.type)
        stored = await self._bucket.get(key)
        written = stored is None or stored.value != entry
        try:
            if stored is None:
                await self._bucket.create(key, entry)
            elif written:
                await self._bucket.put(key, entry, stored.revision)
        except (AlreadyExists, RevisionConflict):
            return False
        self._remember(entry.application, entry.type, entry)
        return written

    async def remove(self, entry: EventTypeEntry) -> bool:
        """Remove an entry; False when it is gone already or another process was faster."""
        key = entry_key(entry.application, entry.type)
        stored = await self._bucket.get(key)
        try:
            if stored is not None:
                await self._bucket.delete(key, stored.revision)
        except RevisionConflict:
            return False
        self._remember(entry.application, entry.type, None)
        return stored is not None

    def _hear(self, key: str, entry: EventTypeEntry | None) -> None:
        try:
            application, event_type = split_entry_key(key)
        except ValueError:  # no key of ours: nobody can look it up either
            return
        if self._known.get(application, {}).get(event_type) != entry:
            self._remember(application, event_type, entry)
            for listener in self._listeners:
                listener(application)

    def _remember(self, application: str, event_type: str, entry: EventTypeEntry | None) -> None:
        known = self._known.setdefault(application, {})
        if entry is None:
            known.pop(event_type, None)
        else:
            known[event_type] = entry
        if not known:
            del self._known[application]


class Findings:
    """What the catalog found out: unknown event types and specifications that cannot be read."""

    def __init__(self, bucket: Bucket[Finding], view: View[Finding]) -> None:
        """Write a bucket, and follow it by its view."""
        self._bucket = bucket
        self._known: dict[str, Finding] = {}
        view.on_change(self._remember)

    def refused(self, application: str) -> list[RefusedSpec]:
        """Return the specifications of an Application that cannot be read."""
        return [found for found in self._known.values()
                if isinstance(found, RefusedSpec) and found.application == application]  # fmt: skip

    def unknown(self) -> list[UnknownType]:
        """Return the event types that are posted but in no catalog."""
        return [found for found in self._known.values() if isinstance(found, UnknownType)]

    async def change(self, key: str, change: Callable[[Finding | None], Finding | None]) -> bool:
        """Replace what is stored under a key by what a function makes of it; False when that is None or the same.

        The function is called again when another process was faster.

        Raises:
            BrokerUnavailable: the store does not answer.
        """
        while True:
            stored = await self._bucket.get(key)
            new = change(stored.value if stored else None)
            if new is None or (stored is not None and stored.value == new):
                return False
            with contextlib.suppress(RevisionConflict, AlreadyExists):
                await self._bucket.put(key, new, stored.revision if stored else 0)
                self._remember(key, new)
                return True

    async def forget(self, key: str) -> None:
        """Remove what is stored under a key, if there is anything."""
        if key in self._known:
            await self._bucket.delete(key)
            self._remember(key, None)

    def _remember(self, key: str, finding: Finding | None) -> None:
        if finding is None:
            self._known.pop(key, None)
        else:
            self._known[key] = finding
