"""Sends a Function to the hub and waits until it answers, or says why not."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from hub.kernel.errors import InvalidInput, NotFound, UpstreamUnavailable

if TYPE_CHECKING:
    from hub.commands.session import Session

_POLL_SECONDS = 0.1


async def deploy(session: "Session", document: dict[str, Any], scope: str, share: int | None, *, shadow: bool) -> Any:
    """Apply a Function and return the answer of the worker.

    Args:
        session: with the hub.
        document: the whole Function.
        scope: where it goes unless the document says.
        share: percentage of the calls for the new revision; the rest stays with the one that has most now.
        shadow: the new revision gets no calls but the same events, and is compared.
    """
    if share is not None or shadow:
        name, own = document["metadata"]["name"], document["metadata"].get("namespace", scope)
        stable = await _stable(session, name, own)
        traffic = [{"revision": stable, "percent": 100 - (0 if shadow or share is None else share)}]
        spec = document["spec"] | {"traffic": traffic} | ({"shadow": {"revision": "latest"}} if shadow else {})
        document = document | {"spec": spec}
    return await session.ask("functions", "apply", {"document": document, "scope": scope})


async def _stable(session: "Session", name: str, scope: str) -> int:
    """Return the number of the revision that gets most of the calls and answers."""
    rows = (await session.ask("functions", "revisions", {"name": name, "scope": scope}))["revisions"]
    found = max((row for row in rows if row["ready"]), key=lambda row: (row["percent"], row["number"]), default=None)
    if found is None:
        raise NotFound(f"No revision of '{name}' answers yet; deploy without --percent and --shadow first.")
    return int(found["number"])


async def need_answering(session: "Session", applied: dict[str, Any], seconds: float) -> str:
    """Wait until the Function that was applied answers; returns what there is to say although it does.

    Raises:
        InvalidInput: it does not, or not in time; the text says why.
    """
    from hub.functions.conditions import CONFIGURED, READY, condition_of

    metadata = applied["resource"]["metadata"]
    until, said = time.monotonic() + seconds, ""
    while time.monotonic() < until:
        found = next((one for one in await session.resources("functions") if one.uid == metadata["uid"]), None)
        ready = condition_of(found, READY) if found is not None else {}
        said = str(ready.get("message", ""))
        judged = found is not None and found.status.get("observedGeneration") == metadata["generation"]
        if found is not None and judged and ready.get("status") == "True":
            note = str(condition_of(found, CONFIGURED).get("message", ""))
            return note.removeprefix("Function configured").removeprefix("; ")
        if judged and ready.get("status") == "False":
            raise InvalidInput(said)
        await asyncio.sleep(_POLL_SECONDS)
    if seconds:
        raise UpstreamUnavailable(f"It does not answer after {seconds:g} s. {said}")
    return ""
