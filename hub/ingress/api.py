"""Endpoints of ingress: request → drafts → admission → stored → receipt.

At least once from here on: an answer of 2xx is sent after the event store's acknowledgement, never before (the first
promise). A batch is all-or-nothing: every event is judged before the first one is stored.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from hub.ingress.admission import admit
from hub.ingress.dialects import cloudevents, kyma_v1
from hub.ingress.expectations import Expectations
from hub.ingress.model import Admitted, Draft
from hub.ingress.settings import IngressSettings
from hub.kernel import metrics, problem
from hub.kernel.admittance import Admittance
from hub.kernel.broker import Bus
from hub.kernel.clock import Clock
from hub.kernel.errors import BodyTooLarge, BrokerUnavailable, HubError, InvalidInput
from hub.kernel.http.app import problem_response
from hub.kernel.http.body import read_body
from hub.kernel.identity import identity_of
from hub.kernel.publisher import Receipt
from hub.kernel.trace import traceparent_of

log = structlog.get_logger()
_ADMITTANCE = {401, 403, 404}


@dataclass(frozen=True, slots=True)
class Ingress:
    """What the endpoints of one listener share."""

    settings: IngressSettings
    bus: Bus
    clock: Clock
    expectations: Expectations
    durability: str
    admittance: Admittance | None
    """None on the internal listener, whose callers are trusted."""

    async def cloudevents(self, request: Request) -> Response:
        """Accept CloudEvents in binary, structured or batch mode."""
        application = request.path_params.get("application")
        return await self._guarded(partial(self._accept_cloudevents, request, application), application, _render)

    async def legacy(self, request: Request) -> Response:
        """Accept one event in Kyma's legacy form."""
        application = request.path_params["application"]
        return await self._guarded(partial(self._accept_legacy, request, application), application, _render_legacy)

    async def _guarded(
        self, accept: Callable[[], Awaitable[Response]], application: str | None, render: Callable[[HubError], Response]
    ) -> Response:
        try:
            return await accept()
        except HubError as error:
            return self.refuse(error, application, render)

    def refuse(
        self, error: HubError, application: str | None, render: Callable[[HubError], Response] | None = None
    ) -> Response:
        """Return the answer to a refused request, counted and logged."""
        response = (render or _render)(error)
        metrics.EVENTS_REJECTED.labels(application or "-", str(response.status_code)).inc()
        log.warning("event.rejected", application=application, status=response.status_code, error=error.detail)
        return response

    async def _accept_cloudevents(self, request: Request, application: str | None) -> Response:
        self._admit_caller(request, application)
        headers = dict(request.headers)
        mode = cloudevents.mode_of(headers)
        if mode == "":
            return _unsupported()
        limit = self.settings.batch_limit_bytes if mode == "batch" else self.settings.body_limit_bytes
        drafts = self._parse(mode, headers, await read_body(request, limit))
        trace = traceparent_of(headers)
        admitted = [self._admit(draft, application, trace, mode, index) for index, draft in enumerate(drafts)]
        receipts = await self._store(admitted, application, mode)
        return Response(status_code=204, headers=self._receipt_headers(admitted, receipts))

    async def _accept_legacy(self, request: Request, application: str) -> Response:
        self._admit_caller(request, application)
        body = await read_body(request, self.settings.body_limit_bytes)
        draft = kyma_v1.parse(body, application, self.clock.new_id())
        admitted = self._admit(draft, application, traceparent_of(request.headers), "legacy", 0)
        receipts = await self._store([admitted], application, "legacy")
        headers = self._receipt_headers([admitted], receipts)
        return Response(kyma_v1.render_accepted(admitted.event_id), headers=headers, media_type="application/json")

    def _admit_caller(self, request: Request, application: str | None) -> None:
        if self.admittance is not None and application is not None:
            self.admittance.admit(identity_of(request.scope), application)

    def _parse(self, mode: str, headers: dict[str, str], body: bytes) -> list[Draft]:
        if mode == "binary":
            return [cloudevents.parse_binary(headers, body)]
        if mode == "structured":
            return [cloudevents.parse_structured(body)]
        drafts = cloudevents.parse_batch(body)
        if len(drafts) > self.settings.batch_limit_events:
            raise BodyTooLarge(f"The batch has {len(drafts)} events; at most {self.settings.batch_limit_events}.")
        return drafts

    def _admit(self, draft: Draft, application: str | None, trace: str, mode: str, index: int) -> Admitted:
        source = application or draft.attributes.get("source", "")
        expectation = self.expectations.find(source, draft.attributes.get("type", ""))
        try:
            return admit(draft, application, expectation, trace)
        except HubError as error:
            if mode == "batch":
                raise error.within(f"event {index}") from error
            raise

    async def _store(self, admitted: list[Admitted], application: str | None, dialect: str) -> list[Receipt]:
        label = application or "-"
        receipts = await self.bus.publish_all([(event.subject, event.data, event.headers) for event in admitted])
        for event, receipt in zip(admitted, receipts, strict=True):
            if receipt.duplicate:
                metrics.EVENTS_DUPLICATE.labels(label).inc()
                continue
            metrics.EVENTS_ACCEPTED.labels(label, dialect).inc()
            if event.warning:
                metrics.CONTRACT_WARNINGS.labels(label).inc()
            if not event.catalogued:
                metrics.UNKNOWN_TYPES.labels(label).inc()
        return receipts

    def _receipt_headers(self, admitted: list[Admitted], receipts: list[Receipt]) -> dict[str, str]:
        headers = {"Hub-Durability": self.durability}
        if not receipts:
            return headers
        first, last = receipts[0].sequence, receipts[-1].sequence
        duplicates = sum(receipt.duplicate for receipt in receipts)
        many = len(receipts) > 1
        headers |= {
            "Hub-Stream": receipts[0].stream,
            "Hub-Sequence": f"{first}..{last}" if many else str(first),
            "Hub-Duplicate": str(duplicates) if many else ("true" if duplicates else "false"),
        }
        warning = next((event.warning for event in admitted if event.warning), "")
        return headers | ({"Hub-Contract": _ascii(f"violated at {warning}")} if warning else {})


def _ascii(text: str) -> str:
    return " ".join(text.encode("ascii", "replace").decode().split())


def status_of(error: HubError) -> int:
    """Return the status of a refusal: a full store is 507, as upstream; everything else says its own."""
    return 507 if isinstance(error, BrokerUnavailable) and error.fields.get("full") else error.status


def _render(error: HubError) -> Response:
    """Render a refusal as upstream's validator and publisher do, and as problem details where they have no form."""
    if error.status in _ADMITTANCE:
        return _render_validator(error)
    if error.status == 400 and isinstance(error, InvalidInput):
        return Response(error.detail, status_code=400, media_type="text/plain")
    response = problem_response(error)
    response.status_code = status_of(error)
    response.headers.update(problem.headers_of(error))
    return response


def _render_validator(error: HubError) -> Response:
    body = orjson.dumps({"code": error.status, "error": error.detail})
    return Response(body, status_code=error.status, media_type="application/json")


def _render_legacy(error: HubError) -> Response:
    if error.status in _ADMITTANCE:
        return _render_validator(error)
    status = status_of(error)
    body = kyma_v1.render_refused(error, status)
    return Response(body, status_code=status, media_type="application/json", headers=problem.headers_of(error))


def _unsupported() -> Response:
    body = problem.render_parts(
        415,
        "unsupported-media-type",
        f"Send {cloudevents.STRUCTURED}, {cloudevents.BATCH}, or the event's attributes as ce- headers.",
    )
    return Response(body, status_code=415, media_type=problem.MEDIA_TYPE)
