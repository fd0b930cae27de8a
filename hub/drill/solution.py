"""A solution of the drill: posts its numbered events lane by lane, each again under its id until it is answered.

That is what the hub asks of its solutions: 2xx is stored, everything that may pass is posted again.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

import httpx

from hub.drill.audit import PASSING
from hub.drill.books import Accepted, Books
from hub.drill.events import BATCH, FOREIGN_EVERY, HEAP, Numbered, event_of, foreign

POST_SECONDS = 4.0
GIVE_UP_SECONDS = 60.0
"""How long an event is still posted again after the drill has ended."""
LANE_PAUSE_SECONDS = 0.15
AGAIN_SECONDS = 0.2
NO_ANSWER = "no answer"
_BATCHES = "application/cloudevents-batch+json"


class Solution:
    """One poster."""

    def __init__(self, name: str, client: httpx.AsyncClient, books: Books, *, neighbour: str = "") -> None:
        """Prepare.

        Args:
            name: its Application.
            client: leads to the listener it posts to, with its certificate.
            books: where it writes down what it was answered.
            neighbour: the solution under whose name it tries to post now and then; none when empty.
        """
        self.name = name
        self._client = client
        self._books = books
        self._neighbour = neighbour
        self._stopped = float("inf")
        self._next: dict[str, int] = {}

    def stop(self) -> None:
        """Begin no further event; what is in hand is brought to its end."""
        self._stopped = self._books.now()

    async def run(self, lanes: Sequence[str]) -> None:
        """Post in all lanes until stopped."""
        async with asyncio.TaskGroup() as tasks:
            for lane in lanes:
                tasks.create_task(self._run_lane(lane))

    async def _run_lane(self, lane: str) -> None:
        while self._books.now() < self._stopped:
            await self.post_next(lane)
            number = self._next[lane]
            if self._neighbour and lane != HEAP and number % FOREIGN_EVERY == 0:
                # The number tells the lanes apart, so that no two post the same.
                await self._post([foreign(self.name, number * 1000 + ord(lane[0]))])
            await asyncio.sleep(LANE_PAUSE_SECONDS)

    async def post_next(self, lane: str) -> int:
        """Post the next event of a lane, or the next few at once, until that is settled; return how often."""
        first = self._next.get(lane, 0)
        count = BATCH if lane == HEAP else 1
        self._next[lane] = first + count
        return await self._post([event_of(self.name, lane, number) for number in range(first, first + count)])

    async def post_once(self, lane: str) -> str:
        """Post the next event of a lane and return the answer; it is the same event again unless it was accepted."""
        event = event_of(self.name, lane, self._next.get(lane, 0))
        self._books.posted.setdefault(event.id, event)
        answer = await self._send([event])
        status = self._note([event], answer, posts=1)
        if status.startswith("2"):
            self._next[lane] = event.number + 1
        return status

    async def _post(self, events: list[Numbered]) -> int:
        for event in events:
            self._books.posted[event.id] = event
        posts = 0
        while True:
            posts += 1
            status = self._note(events, await self._send(events), posts)
            if status not in PASSING or self._books.now() > self._stopped + GIVE_UP_SECONDS:
                return posts
            await asyncio.sleep(AGAIN_SECONDS)

    async def _send(self, events: list[Numbered]) -> httpx.Response | None:
        path, headers, content = self._request(events)
        with suppress(httpx.TransportError):
            return await self._client.post(path, headers=headers, content=content)
        return None

    def _request(self, events: list[Numbered]) -> tuple[str, dict[str, str], bytes]:
        first = events[0]
        owner = self._neighbour if first.form == "foreign" else self.name
        if first.form == "batch":
            documents = [event.structured() for event in events]
            return f"/{owner}/events", {"content-type": _BATCHES}, json.dumps(documents).encode()
        if first.form == "legacy":
            json_type = {"content-type": "application/json"}
            return f"/{owner}/v1/events", json_type, json.dumps(first.legacy()).encode()
        document = first.structured()
        if first.form == "structured":
            kind = {"content-type": "application/cloudevents+json"}
            return f"/{owner}/events", kind, json.dumps(document).encode()
        names = ("specversion", "id", "source", "type", "time")
        headers = {f"ce-{name}": str(document[name]) for name in names} | {"content-type": "application/json"}
        return f"/{owner}/events", headers, json.dumps(document["data"]).encode()

    def _note(self, events: list[Numbered], answer: httpx.Response | None, posts: int) -> str:
        """Write down an answer and return its status."""
        status = NO_ANSWER if answer is None else str(answer.status_code)
        self._books.statuses[status] += 1
        if answer is None:
            return status
        if status in ("503", "507") and "retry-after" not in answer.headers:
            self._books.hurried += 1
        for event in events:
            if answer.is_success:
                self._books.accept(_accepted(event, answer, self._books.now(), posts, alone=len(events) == 1))
            elif status not in PASSING:
                self._books.refused[event.id] = answer.status_code
        return status


def _accepted(event: Numbered, answer: httpx.Response, at: float, posts: int, *, alone: bool) -> Accepted:
    place = answer.headers.get("hub-sequence", "")
    duplicate = answer.headers.get("hub-duplicate", "") == "true"
    return Accepted(event, at, int(place) if alone and place.isdigit() else None, duplicate, posts)
