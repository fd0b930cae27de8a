"""Follows the stream of accepted events: headers only, unless the data is asked for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from hub.kernel.errors import UpstreamUnavailable

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from hub.commands.session import Session

_SILENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Tail:
    """What is watched, and how it is shown."""

    application: str | None
    type: str | None
    since: float | None
    count: int | None
    follow: bool
    data: bool
    as_json: bool

    @property
    def subject(self) -> str:
        """Return the subject of the wanted events."""
        from contracts import subjects

        if self.application and self.type:
            return subjects.event(self.application, self.type)
        if self.application:
            return subjects.events_of_source(self.application)
        return subjects.events_of_type(self.type) if self.type else "events.>"


async def run_tail(session: "Session", wanted: Tail) -> None:
    """Show events until enough were shown, the end is reached and nobody waits for more, or Ctrl-C.

    Raises:
        UpstreamUnavailable: the event store does not answer.
    """
    from hub.commands.session import say

    subscription = await _subscribe(session.js, wanted)
    left = wanted.count
    try:
        while left is None or left > 0:
            message = await _next(subscription, follow=wanted.follow)
            if message is None:
                return
            say(shown(message, wanted))
            left = None if left is None else left - 1
            if not wanted.follow and message.metadata.num_pending == 0:
                return
    finally:
        await subscription.unsubscribe()


async def _subscribe(js: "JetStreamContext", wanted: Tail) -> Any:
    from datetime import UTC, datetime

    from nats.errors import Error as NatsError
    from nats.js.api import ConsumerConfig, DeliverPolicy
    from nats.js.errors import APIError

    config = ConsumerConfig(headers_only=not wanted.data)
    policy = DeliverPolicy.NEW if wanted.follow else DeliverPolicy.ALL
    if wanted.since is not None:
        policy = DeliverPolicy.BY_START_TIME
        config.opt_start_time = datetime.fromtimestamp(wanted.since, UTC)
    try:
        return await js.subscribe(wanted.subject, ordered_consumer=True, config=config, deliver_policy=policy)
    except (APIError, NatsError, TimeoutError) as error:
        raise UpstreamUnavailable("The event store does not answer; is the hub up?") from error


async def _next(subscription: Any, *, follow: bool) -> "Msg | None":
    """Return the next event; None when nothing is there and nobody waits for more."""
    from nats.errors import TimeoutError as NothingCame

    message: Msg | None = None
    while message is None:
        try:
            message = await subscription.next_msg(timeout=_SILENCE_SECONDS)
        except (NothingCame, TimeoutError):
            if not follow:
                return None
    return message


def shown(message: "Msg", wanted: Tail) -> str:
    """Return one event as a line."""
    from contracts.envelope import read_attributes
    from hub.dispatch.dead_letters import data_members, moment_text

    headers = message.headers or {}
    attributes = read_attributes(headers)
    place = message.metadata
    size = int(headers.get("Nats-Msg-Size", len(message.data)))
    told = {
        "sequence": place.sequence.stream,
        "at": moment_text(place.timestamp.timestamp()),
        "source": attributes.get("source", ""),
        "type": attributes.get("type", ""),
        "id": attributes.get("id", ""),
        "size": size,
    }
    members = data_members(message.data, attributes.get("datacontenttype", "")) if wanted.data else {}
    if wanted.as_json:
        return orjson.dumps(told | {"attributes": attributes} | members).decode()
    line = f"{told['at']}  {told['sequence']:>9}  {told['source']}  {told['type']}  {told['id']}  {size} B"
    return line + (f"\n  {orjson.dumps(members).decode()}" if members else "")
