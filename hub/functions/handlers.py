"""Calls of Functions over the bus: request-reply on `call.<scope>.<name>`, shared by all processes of this worker.

Events come several in a request, each of them a call of its own (`contracts.calls`).

The hot path: a call is taken in the client's callback and handed to the process at once, its reply is queued for one
sending task. No task, model or log line per event that succeeds. A call is answered exactly once or, when this process
dies, not at all: the caller's own time limit covers that, and the event is tried again.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from contracts import subjects
from contracts.calls import TOGETHER, unpack
from hub.functions import spans
from hub.functions.headers import EncodedHeaders
from hub.functions.model import Answer, Invocation
from hub.functions.outcomes import SUCCEEDED, asked_limit, error_of, reply_of, told_of
from hub.functions.runtime.fleet import Fleet
from hub.functions.runtime.revision import Revision
from hub.functions.settings import FunctionsSettings
from hub.functions.signs import Signs
from hub.kernel.errors import HubError

log = structlog.get_logger()

QUEUE = "functions"
Reply = Callable[[Answer | HubError, tuple[str, ...]], None]
"""Answers the caller; takes what is not to be told as well."""
Failed = Callable[[Revision, Invocation, Answer | HubError, float], None]


class Calls:
    """Serves calls from the bus."""

    def __init__(self, fleet: Fleet, client: Client, settings: FunctionsSettings, failed: Failed) -> None:
        """Prepare; `failed` is told of each call that did not succeed."""
        self._fleet = fleet
        self._client = client
        self._settings = settings
        self._failed = failed
        self._replies: deque[tuple[str, dict[str, str], bytes]] = deque()
        self._told: defaultdict[str, list[list[int | str]]] = defaultdict(list)
        self._signs = Signs(client)
        self._something = asyncio.Event()
        self._subscription: Subscription | None = None
        self._sending: asyncio.Task[None] | None = None
        self._collecting: set[asyncio.Task[None]] = set()
        self.in_hand = 0

    async def start(self) -> None:
        """Subscribe; from now on calls are answered."""
        self._sending = asyncio.create_task(self._send_replies(), name="function-replies")
        self._signs.start()
        self._subscription = await self._client.subscribe(
            subjects.CALLS, queue=QUEUE, cb=self._called, pending_msgs_limit=0, pending_bytes_limit=0
        )

    async def _called(self, message: Msg) -> None:
        if message.reply.startswith("$JS."):  # whoever may read a stream chooses where nats-server sends it
            return
        headers = message.headers or {}
        if TOGETHER in headers:
            self._called_together(message, asked_limit(headers))
        else:
            reply = partial(self._reply, message.reply)
            self._call(message.subject, Invocation(headers, message.data), asked_limit(headers), reply)

    def _called_together(self, message: Msg, seconds: float) -> None:
        try:
            calls = unpack(message.data)
        except ValueError as error:
            log.warning("call.unreadable", subject=message.subject, error=str(error))
            return
        self._signs.begin(message.reply, len(calls))
        for place, (headers, body) in enumerate(calls):
            reply = partial(self._tell, message.reply, place)
            self._call(message.subject, Invocation(EncodedHeaders(headers), body), seconds, reply)

    def _call(self, subject: str, invocation: Invocation, seconds: float, reply: Reply) -> None:
        try:
            revision = self._fleet.find_by_subject(subject)
        except HubError as error:
            reply(error, ())
            return
        headers, span = spans.called(invocation.headers)
        if span is not None:
            invocation = replace(invocation, headers=headers)
        began = time.perf_counter()
        self.in_hand += 1
        lineups = self._fleet.lineups

        def done(answer: Answer | HubError) -> None:
            self.in_hand -= 1
            spans.end(span, revision.function, invocation, answer)
            if revision.meter.count(answer, began) != SUCCEEDED:
                self._failed(revision, invocation, answer, time.perf_counter() - began)
            if lineups.shadows:
                lineups.shade(revision, invocation, answer, time.perf_counter() - began)
            if isinstance(answer, Answer) and answer.rest is not None:
                self._collect(reply, answer, revision.hidden)
            else:
                reply(answer, revision.hidden)

        worker = revision.worker
        worker.call(invocation, min(seconds, worker.launch.timeout_seconds), done)

    def _tell(self, subject: str, place: int, answer: Answer | HubError, hidden: tuple[str, ...]) -> None:
        """Reply to one of several calls, with whatever else of them is answered until the replies are sent."""
        self._signs.answered(subject)
        self._told[subject].append(told_of(place, answer, hidden))
        self._something.set()

    def _reply(self, subject: str, answer: Answer | HubError, hidden: tuple[str, ...]) -> None:
        if subject:
            self._replies.append((subject, *reply_of(answer, self._settings.answer_limit_bytes, hidden)))
            self._something.set()

    def _collect(self, reply: Reply, answer: Answer, hidden: tuple[str, ...]) -> None:
        """Reply to a call whose answer comes in parts, when enough of it is there."""

        async def collect() -> None:
            reply(await whole_of(answer, self._settings.answer_limit_bytes), hidden)

        task = asyncio.create_task(collect(), name="function-answer")
        self._collecting.add(task)
        task.add_done_callback(self._collecting.discard)

    async def _send_replies(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._replies:
                await self._send(*self._replies.popleft())
            while self._told:
                subject, told = self._told.popitem()
                await self._send(subject, None, orjson.dumps(told))

    async def _send(self, subject: str, headers: dict[str, str] | None, body: bytes) -> None:
        try:
            await self._client.publish(subject, body, headers=headers)
        except NatsError as error:
            log.debug("reply.lost", error=repr(error))

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls; send the replies of those in hand within the grace time."""
        if self._subscription is not None:
            await _unsubscribe(self._subscription)
        limit = time.monotonic() + grace_seconds
        while (self.in_hand or self._collecting or self._replies or self._told) and time.monotonic() < limit:  # noqa: ASYNC110 - once per process
            await asyncio.sleep(0.01)
        if self._sending is not None:
            self._sending.cancel()
        await self._signs.stop()


async def whole_of(answer: Answer, limit_bytes: int) -> Answer | HubError:
    """Return an answer with its parts put together, up to a limit; the Function may stop there."""
    if answer.rest is None:
        return answer
    parts, size = [answer.body], len(answer.body)
    try:
        async for part in answer.rest:
            parts.append(part)
            size += len(part)
            if size >= limit_bytes:
                break
    except HubError as error:
        return error
    finally:
        answer.rest.close()
    return replace(answer, body=b"".join(parts), rest=None)


async def _unsubscribe(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except NatsError as error:
        log.debug("subscription.lost", error=repr(error))


def warn(revision: Revision, invocation: Invocation, answer: Answer | HubError, seconds: float) -> None:
    """Log one call that did not succeed."""
    log.warning(
        "function.failed",
        function=revision.worker.launch.label,
        event_id=invocation.headers.get("ce-id", ""),
        attempt=invocation.headers.get("Hub-Attempt", ""),
        seconds=round(seconds, 3),
        error=error_of(answer, revision.hidden),
    )
