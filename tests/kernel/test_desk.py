"""Changes asked of the owner of a kind, while somebody else writes the status of the same resource."""

from typing import Any

import pytest

from contracts import subjects
from hub.kernel.broker import Bus
from hub.kernel.clock import SystemClock
from hub.kernel.desk import Desk
from hub.kernel.errors import RevisionConflict
from hub.kernel.resource import RESOURCES, Resource
from hub.kernel.state import Bucket, Entry
from hub.registry.kinds import KINDS

APPLICATION = {
    "apiVersion": "applicationconnector.kyma-project.io/v1alpha1", "kind": "Application",
    "metadata": {"name": "shop"}, "spec": {"description": "d"},
}  # fmt: skip


class Busy(Bucket[Resource]):
    """A bucket in which a status is written right after each of the next few looks."""

    writes = 0

    async def get(self, key: str) -> Entry[Resource] | None:
        """Look, and be overtaken."""
        found = await super().get(key)
        if found is not None and self.writes:
            self.writes -= 1
            await self.put(key, found.value.with_status({"left": self.writes}), revision=found.revision)
        return found


async def desk_of(bus: Bus) -> tuple[Desk, Busy]:
    """Return the desk of Applications, with one in its bucket."""
    bucket = Busy(bus.js, subjects.APPLICATIONS, RESOURCES)
    kind = next(kind for kind in KINDS if kind.kind == "Application")
    desk = Desk(kind, bucket, SystemClock())
    await desk.apply({"document": APPLICATION})
    return desk, bucket


@pytest.mark.parametrize("verb", ["apply", "delete"])
async def test_a_status_written_meanwhile_refuses_nothing(bus: Bus, verb: str) -> None:
    """Whoever asks names no version, and means the resource whatever its status says."""
    desk, bucket = await desk_of(bus)
    bucket.writes = 3
    request: dict[str, Any] = {"document": APPLICATION | {"spec": {"description": "e"}}, "name": "shop"}
    answer = await getattr(desk, verb)(request)
    assert bucket.writes == 0 and answer["outcome"] == {"apply": "configured", "delete": "deleted"}[verb]


async def test_a_version_that_was_named_is_held_to(bus: Bus) -> None:
    """A document that says which version it changes is refused when that is not the newest."""
    desk, bucket = await desk_of(bus)
    entry = await bucket.need("cluster.shop")
    await bucket.put("cluster.shop", entry.value.with_status({"new": True}), revision=entry.revision)
    metadata = {"name": "shop", "resourceVersion": str(entry.revision)}
    with pytest.raises(RevisionConflict):
        await desk.apply({"document": APPLICATION | {"metadata": metadata, "spec": {"description": "e"}}})
