"""How often unknown event types were posted: reports of several processes become one count. Pure."""

from datetime import datetime, timedelta

from contracts.catalog.findings import UnknownType
from contracts.catalog.v1 import EventTypesObserved, ObservedType

# A process is a new reporter with each start; whose last report is long counted need not be remembered.
_REPORTERS_KEPT = 16


def counted(known: UnknownType | None, seen: ObservedType, report: EventTypesObserved) -> UnknownType | None:
    """Return the count with one more report in it; None when that report is in it already.

    Args:
        known: the count so far.
        seen: what the report says of the event type.
        report: may come a second time, for messages are delivered at least once.
    """
    if known is None:
        return UnknownType(
            application=seen.application, type=seen.type, count=seen.count, first=seen.last, last=seen.last,
            reports={report.reporter: report.number},
        )  # fmt: skip
    if known.reports.get(report.reporter, 0) >= report.number:
        return None
    others = {name: number for name, number in known.reports.items() if name != report.reporter}
    kept = dict(list(others.items())[-(_REPORTERS_KEPT - 1) :])
    return known.model_copy(
        update={
            "count": known.count + seen.count,
            "first": min(known.first, seen.last),
            "last": max(known.last, seen.last),
            "reports": kept | {report.reporter: report.number},
        }
    )


def outdated(known: list[UnknownType], now: datetime, keep_days: float) -> list[UnknownType]:
    """Return the counts of event types that nobody has posted for so long."""
    return [found for found in known if now - found.last > timedelta(days=keep_days)]
