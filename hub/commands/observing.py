"""What `hub get` adds to Applications: facts that other buckets and streams hold, put into the status that is shown.

Looked up by the command itself, so that nothing has to be written with every event. Above a number of Applications it
is left out: a list must stay fast, and who wants to know asks for one of them.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts import subjects
from hub.kernel.clock import rfc3339
from hub.kernel.errors import UpstreamUnavailable
from hub.kernel.resource import Kind, Resource

if TYPE_CHECKING:
    from hub.commands.session import Session

LOOKED_UP = 200
"""Most Applications whose facts are looked up at once."""


async def observed(session: "Session", kind: Kind, resources: Sequence[Resource]) -> list[Resource]:
    """Return resources with what is known of them elsewhere: `status.eventTypes`, `status.lastEvent` (or null).

    Raises:
        UpstreamUnavailable: the event store does not answer.
    """
    if kind.plural != subjects.APPLICATIONS or not 0 < len(resources) <= LOOKED_UP:
        return list(resources)
    types = await _event_types(session)
    moments = await asyncio.gather(*(_last_event(session, each.name) for each in resources))
    return [
        _with(each, {"eventTypes": types[each.name], "lastEvent": rfc3339(moment) if moment else None})
        for each, moment in zip(resources, moments, strict=True)
    ]


def _with(resource: Resource, facts: dict[str, Any]) -> Resource:
    return replace(resource, status=resource.status | facts)


async def _event_types(session: "Session") -> Counter[str]:
    from contracts.catalog.v1 import split_entry_key
    from hub.kernel.state import RAW, Bucket

    keys = await Bucket(session.js, subjects.EVENT_TYPES, RAW).keys()
    return Counter(split_entry_key(key)[0] for key in keys)


async def _last_event(session: "Session", application: str) -> datetime | None:
    from nats.errors import Error as NatsError
    from nats.js.errors import APIError, NotFoundError

    try:
        found = await session.js.get_last_msg(subjects.EVENTS, subjects.events_of_source(application))
    except NotFoundError:
        return None
    except (NatsError, APIError, TimeoutError) as error:
        raise UpstreamUnavailable("The event store does not say when events came; is nats-server up?") from error
    return found.time
