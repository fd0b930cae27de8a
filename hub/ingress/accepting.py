"""From parsed events to stored ones: judged, limited, published, counted. What every endpoint of ingress does alike.

At least once from here on: nobody is told "accepted" before the event store's acknowledgement (the first promise).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.responses import Response

from hub.ingress import metering
from hub.ingress.admission import admit
from hub.ingress.dialects.cloudevents import draft_of
from hub.ingress.limits import Limits
from hub.ingress.model import Admitted, Draft
from hub.ingress.plain import read_json, text_of
from hub.ingress.posters import Poster, poster_of, source_of, stamped
from hub.ingress.refusals import render
from hub.ingress.rules import Rules
from hub.ingress.settings import IngressSettings
from hub.kernel.admittance import Admittance
from hub.kernel.broker import Bus
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.kernel.identity import Identity
from hub.kernel.publisher import Receipt
from hub.kernel.workload import Workloads

log = structlog.get_logger()
_LOGGED = 500
"""Characters of a refusal in the log: it may quote what was posted."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the endpoints of one listener share."""

    settings: IngressSettings
    bus: Bus
    clock: Clock
    rules: Rules
    limits: Limits
    durability: str
    admittance: Admittance | None
    """None on the internal listener, whose callers are trusted."""
    workloads: Workloads | None
    """Reads the tokens of Functions; None on the edge, where only certificates count."""

    def admit_caller(self, identity: Identity, application: str | None) -> None:
        """Return when the caller may post for this application.

        Raises:
            NotFound, NotAuthenticated, NotPermitted: it may not.
        """
        if self.admittance is not None and application is not None:
            self.admittance.admit(identity, application)

    def poster_of(self, headers: Mapping[str, str], application: str | None) -> Poster:
        """Return who posts at a path; raises when a token is nobody's."""
        return poster_of(headers, application, self.workloads)

    def judge(self, draft: Draft, poster: Poster, trace: str) -> Admitted:
        """Return a parsed event as it is stored, or raise why it is refused."""
        source = self._source_of(poster, draft.attributes.get("source", ""))
        return stamped(admit(draft, source, self.rules, trace), poster)

    def judge_json(self, event: Any, poster: Poster, trace: str) -> Admitted:
        """Return an event in the JSON format as it is stored, or raise why it is refused."""
        if isinstance(event, dict):
            source = self._source_of(poster, text_of(event.get("source")) if poster.workload else "")
            plain = read_json(event, source, self.rules, trace)
            if plain is not None:
                return stamped(plain, poster)
        return self.judge(draft_of(event), poster, trace)

    def _source_of(self, poster: Poster, said: str) -> str | None:
        return source_of(poster, said, self.settings.function_source, self.rules.addresses)

    def limit(self, events: Sequence[Admitted], poster: str | None) -> None:
        """Return when an Application or Function may post these events now.

        Raises:
            TooManyRequests, BodyTooLarge: it may not.
        """
        limit = self.limits.of(poster)
        if limit is not None:
            for event in events:
                limit.check_size(len(event.data))
            limit.take(len(events), self.clock.monotonic())

    async def store(
        self, events: Sequence[Admitted], application: str | None, dialect: str
    ) -> list[Receipt | HubError]:
        """Store events and count what became of them; outcomes come in their order."""
        outcomes = await self.bus.publish_all([(event.subject, event.headers, event.data) for event in events])
        count(events, outcomes, application or "-", dialect)
        for event, outcome in zip(events, outcomes, strict=True):
            if not event.catalogued and isinstance(outcome, Receipt) and not outcome.duplicate:
                self.rules.known.miss(event.subject)
        return outcomes

    def refuse(self, error: HubError, application: str | None, response: Response | None = None) -> Response:
        """Return the answer to a refused request, counted and logged."""
        answer = response or render(error)
        metering.EVENTS_REJECTED.labels(application or "-", str(answer.status_code)).inc()
        log.warning("event.rejected", application=application, status=answer.status_code, error=error.detail[:_LOGGED])
        return answer


def count(events: Sequence[Admitted], outcomes: Sequence[Receipt | HubError], application: str, dialect: str) -> None:
    """Count stored events, all of a request at once."""
    pairs = zip(events, outcomes, strict=True)
    kept = [(event, outcome) for event, outcome in pairs if isinstance(outcome, Receipt)]
    new = [event for event, receipt in kept if not receipt.duplicate]
    for counter, number in (
        (metering.EVENTS_ACCEPTED.labels(application, dialect), len(new)),
        (metering.EVENTS_DUPLICATE.labels(application), len(kept) - len(new)),
        (metering.CONTRACT_WARNINGS.labels(application), sum(bool(event.warning) for event in new)),
        (metering.UNKNOWN_TYPES.labels(application), sum(not event.catalogued for event in new)),
    ):
        if number:
            counter.inc(number)


def stored(outcomes: list[Receipt | HubError]) -> list[Receipt]:
    """Return the receipts of events that all are stored.

    Raises:
        HubError: of the first that is not, naming its index where there are several. The others may be stored: who
            posts all of them again under the same ids stores none twice.
    """
    receipts = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, HubError):
            raise outcome.within(f"event {index}") if len(outcomes) > 1 else outcome
        receipts.append(outcome)
    return receipts
