"""Endpoints of ingress: one per generation of posters, each with its own shapes of request, answer and refusal.

A batch is all or nothing: every event is judged before the first one is stored. Who prefers to be told of each event
(`Prefer: return=representation`) gets one result per event instead, and the good ones are stored.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hub.ingress import spans
from hub.ingress.accepting import Acceptance, stored
from hub.ingress.dialects import cloudevents, kyma_v1, kyma_v2
from hub.ingress.model import Admitted
from hub.ingress.posters import Poster
from hub.ingress.receipts import headers_of, result_of
from hub.ingress.refusals import render, render_legacy
from hub.ingress.subscribed import events_info
from hub.kernel.errors import BodyTooLarge, HubError, UnsupportedContent
from hub.kernel.http.body import read_body
from hub.kernel.identity import identity_of
from hub.kernel.publisher import Receipt
from hub.kernel.resource import Resource
from hub.kernel.trace import Span

JSON_MEDIA = "application/json"
Render = Callable[[HubError], Response]


class Endpoints:
    """The endpoints of one listener."""

    def __init__(self, acceptance: Acceptance, subscriptions: Callable[[], Iterable[Resource]]) -> None:
        """Share what the listener's endpoints have in common.

        Args:
            acceptance: judges and stores events.
            subscriptions: returns all Subscriptions, of every scope.
        """
        self._accept = acceptance
        self._subscriptions = subscriptions

    async def cloudevents(self, request: Request) -> Response:
        """Accept CloudEvents in binary, structured or batch mode."""
        return await self._guarded(partial(self._cloudevents, request), request, render)

    async def second(self, request: Request) -> Response:
        """Accept CloudEvents, and events of the 0.3 form, which came at this path before."""
        if cloudevents.mode_of(request.headers):
            return await self.cloudevents(request)
        return await self._guarded(partial(self._legacy, request, "v2"), request, render_legacy)

    async def legacy(self, request: Request) -> Response:
        """Accept one event in Kyma's legacy form."""
        return await self._guarded(partial(self._legacy, request, "legacy"), request, render_legacy)

    async def subscribed(self, request: Request) -> Response:
        """Tell which of the application's event types somebody subscribes to."""
        return await self._guarded(partial(self._subscribed, request), request, render)

    async def handshake(self, request: Request) -> Response:
        """Grant what a CloudEvents webhook sender asks for before its first delivery."""
        return await self._guarded(partial(self._handshake, request), request, render)

    async def _guarded(self, accept: Callable[[], Awaitable[Response]], request: Request, shape: Render) -> Response:
        application, began = request.path_params.get("application"), time.time_ns()
        try:
            self._accept.admit_caller(identity_of(request.scope), application)
            return await accept()
        except HubError as error:
            answer = shape(error)
            spans.refused(request.headers, began, error, answer.status_code, application)
            return self._accept.refuse(error, application, answer)

    async def _cloudevents(self, request: Request) -> Response:
        mode = cloudevents.mode_of(request.headers)
        settings = self._accept.settings
        limit = settings.batch_limit_bytes if mode == "batch" else settings.body_limit_bytes
        if not mode:
            raise UnsupportedContent(
                f"Send {cloudevents.STRUCTURED}, {cloudevents.BATCH}, or the event's attributes as ce- headers."
            )
        cloudevents.check_once(request.headers.keys())
        body = await read_body(request, limit)
        if mode == "batch":
            return await self._batch(request, cloudevents.items_of(body))
        poster, (trace, span) = self._poster_of(request), spans.entered(request.headers)
        if mode == "structured":
            event = self._accept.judge_json(cloudevents.event_of(body), poster, trace)
        else:
            headers = dict(request.headers.items())  # asking for each by name would be quadratic
            event = self._accept.judge(cloudevents.parse_binary(headers, body), poster, trace)
        return Response(status_code=204, headers=await self._store_all([event], poster.name, mode, span))

    def _poster_of(self, request: Request) -> Poster:
        return self._accept.poster_of(request.headers, request.path_params.get("application"))

    async def _batch(self, request: Request, items: list[Any]) -> Response:
        most = self._accept.settings.batch_limit_events
        if len(items) > most:
            raise BodyTooLarge(f"The batch has {len(items)} events; at most {most} are accepted.")
        poster, (trace, span) = self._poster_of(request), spans.entered(request.headers)
        if _prefers_results(request):
            return await self._results(items, poster, trace, span)
        events = []
        for index, item in enumerate(items):
            try:
                events.append(self._accept.judge_json(item, poster, trace))
            except HubError as error:
                raise error.within(f"event {index}") from error
        return Response(status_code=204, headers=await self._store_all(events, poster.name, "batch", span))

    async def _results(self, items: list[Any], poster: Poster, trace: str, span: Span | None) -> Response:
        judged = [self._judged(item, poster, trace) for item in items]
        events = [event for event in judged if isinstance(event, Admitted)]
        self._accept.limit(events, poster.name)
        said = await self._accept.store(events, poster.name, "batch")
        spans.end(span, events, said, poster.name, "batch")
        outcomes = iter(said)
        results = [
            result_of(index, event, next(outcomes) if isinstance(event, Admitted) else None)
            for index, event in enumerate(judged)
        ]
        headers = {"Preference-Applied": "return=representation", "Hub-Durability": self._accept.durability}
        return Response(orjson.dumps(results), headers=headers, media_type=JSON_MEDIA)

    def _judged(self, item: Any, poster: Poster, trace: str) -> Admitted | HubError:
        try:
            return self._accept.judge_json(item, poster, trace)
        except HubError as error:
            return error

    async def _legacy(self, request: Request, dialect: str) -> Response:
        application = request.path_params["application"]
        body = await read_body(request, self._accept.settings.body_limit_bytes)
        if dialect == "v2":
            draft = kyma_v2.parse(body, application)
        else:
            draft = kyma_v1.parse(body, application, self._accept.clock.new_id())
        poster, (trace, span) = self._poster_of(request), spans.entered(request.headers)
        event = self._accept.judge(draft, poster, trace)
        headers = await self._store_all([event], poster.name, dialect, span)
        return Response(kyma_v1.render_accepted(event.event_id), headers=headers, media_type=JSON_MEDIA)

    async def _store_all(
        self, events: list[Admitted], poster: str | None, dialect: str, span: Span | None
    ) -> dict[str, str]:
        self._accept.limit(events, poster)
        outcomes = await self._accept.store(events, poster, dialect)
        receipts: list[Receipt] = stored(outcomes)
        spans.end(span, events, receipts, poster, dialect)
        return headers_of(self._accept.durability, events, receipts)

    async def _subscribed(self, request: Request) -> Response:
        prefix = self._accept.settings.event_type_prefix
        answer = events_info(request.path_params["application"], self._subscriptions(), prefix)
        return Response(orjson.dumps(answer), media_type=JSON_MEDIA)

    async def _handshake(self, request: Request) -> Response:
        origin = request.headers.get("webhook-request-origin", "")
        if not origin:
            return Response(status_code=405, headers={"Allow": "POST"})
        granted = self._accept.settings.webhook_rate_per_minute
        headers = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": str(granted or "*"), "Allow": "POST"}
        return Response(status_code=200, headers=headers)


def _prefers_results(request: Request) -> bool:
    wanted = ",".join(request.headers.getlist("prefer")).lower()
    return "return=representation" in [part.split(";")[0].strip() for part in wanted.split(",")]
