"""The short way of plain calls: from the whole request to the target and back without a task or a coroutine.

A plain call has come whole with its head, needs nothing fetched, and finds a kept connection to its target. Every other
one is the endpoint's from the beginning, refusals too; and one whose answer is not plain (it comes in parts, is to be
repeated, or does not come) is carried on by the endpoint from where it stands. So the two ways cannot disagree.
"""

import asyncio
from functools import partial
from typing import Any, Protocol

from hub.gateway import spans
from hub.gateway.addressing import split_path
from hub.gateway.api import Endpoint, request_of
from hub.gateway.body import Body
from hub.gateway.calling import Begun, Caller
from hub.gateway.permission import Callers
from hub.gateway.rewriting import to_caller
from hub.gateway.store import Directory
from hub.gateway.whole import answer_whole


class Kept(Protocol):
    """The connection of a caller."""

    def start(self, cycle: Any, app: Any) -> None:
        """Have a request answered by an ASGI application."""


class ShortWay:
    """Takes plain calls of one form of paths."""

    def __init__(self, endpoint: Endpoint, directory: Directory, caller: Caller, callers: Callers) -> None:
        """Share what the endpoint has."""
        self._endpoint = endpoint
        self._directory = directory
        self._caller = caller
        self._callers = callers
        self._with_entry = endpoint.with_entry

    def take(self, connection: Kept, cycle: Any) -> bool:
        """Pass a request on if it is a plain call; returns whether it is.

        Args:
            connection: of the caller.
            cycle: uvicorn's object of the request, which is whole.
        """
        try:
            begun = self._begin(cycle)
        except Exception:  # the endpoint meets it too, and says why
            return False
        if begun is None:
            return False
        begun.connection.answered.add_done_callback(partial(self._answered, connection, cycle, begun))
        return True

    def _begin(self, cycle: Any) -> Begun | None:
        scope = cycle.scope
        named, rest = split_path(scope["raw_path"], with_entry=self._with_entry)
        known = self._directory.find(named)
        if self._callers.need(known.callers, scope["headers"], named) is not None:
            return None
        headers, span = spans.opened(scope["headers"])
        request = request_of(scope, rest, headers, Body.whole(cycle.receive, headers, bytes(cycle.body)))
        request.span = span
        return self._caller.begin(known.api, request)

    def _answered(self, connection: Kept, cycle: Any, begun: Begun, _head: "asyncio.Future[Any]") -> None:
        begun.timer.cancel()
        try:
            is_answered = self._hand_on(cycle, begun)
        except Exception:  # likewise
            is_answered = cycle.response_started
        if not is_answered:
            connection.start(cycle, partial(self._endpoint.carry_on, begun))

    def _hand_on(self, cycle: Any, begun: Begun) -> bool:
        answer = self._caller.answer(begun)
        if answer is None:
            return False
        api, request, head = begun.api, begun.request, answer.head
        status, passed = to_caller(head.status, head.headers, api, begun.called)
        answer.seconds = asyncio.get_running_loop().time() - request.began
        if not answer_whole(cycle, status, passed, answer.connection.peek()):
            return False
        self._caller.give(answer)
        self._endpoint.count(api, request, answer, status)
        return True
