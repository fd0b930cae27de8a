"""What the poster is told of stored events: where each one is, and how safely. Pure."""

from collections.abc import Sequence
from typing import Any

from hub.ingress import quarantine
from hub.ingress.model import Admitted
from hub.ingress.refusals import status_of
from hub.kernel.errors import BrokerUnavailable, HubError
from hub.kernel.publisher import Receipt


def headers_of(durability: str, admitted: Sequence[Admitted], receipts: Sequence[Receipt]) -> dict[str, str]:
    """Return the headers of an answer to one or several stored events."""
    headers = {"Hub-Durability": durability, **quarantine.told(admitted)}
    if not receipts:
        return headers
    pairs = zip(admitted, receipts, strict=True)
    # Of a mixed batch the place of what is on its way is told; what is kept aside has another stream's numbers.
    places = [receipt for event, receipt in pairs if not event.quarantined] or receipts
    first, last = places[0].sequence, places[-1].sequence
    duplicates = sum(receipt.duplicate for receipt in receipts)
    many = len(receipts) > 1
    headers |= {
        "Hub-Stream": places[0].stream,
        "Hub-Sequence": f"{first}..{last}" if many else str(first),
        "Hub-Duplicate": str(duplicates) if many else ("true" if duplicates else "false"),
    }
    warning = next((event.warning for event in admitted if event.warning), "")
    return headers | ({"Hub-Contract": _ascii(f"violated at {warning}")} if warning else {})


def result_of(index: int, event: Admitted | HubError, outcome: Receipt | HubError | None) -> dict[str, Any]:
    """Return what became of one event of a batch, for a poster who prefers to be told of each.

    Args:
        index: its place in the batch.
        event: as admitted, or why it was not.
        outcome: its receipt, or why it is not stored; None when it was not admitted.
    """
    known: dict[str, Any] = {"index": index}
    if isinstance(event, HubError):
        return known | _said(event)
    known["id"] = event.event_id
    if isinstance(outcome, Receipt):
        place = {"stream": outcome.stream, "sequence": outcome.sequence, "duplicate": outcome.duplicate}
        return known | {"status": 204} | place | ({"contract": event.warning} if event.warning else {})
    return known | _said(outcome or BrokerUnavailable())


def _said(error: HubError) -> dict[str, Any]:
    pointer = {"pointer": error.fields["pointer"]} if error.fields.get("pointer") else {}
    return {"status": status_of(error), "error": error.detail.strip()} | pointer


def _ascii(text: str) -> str:
    return " ".join(text.encode("ascii", "replace").decode().split())
