"""Who did what to deliveries: one audit record per request, beside the records of single events."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from contracts.audit.v1 import AuditRecorded
from contracts.envelope import Contract
from hub.kernel.resource import DEFAULT_SCOPE

Publish = Callable[[Contract], Awaitable[None]]


def actor_of(request: Mapping[str, Any]) -> str:
    """Return who asks, as the command says it; whoever reaches the bus is an operator."""
    return f"operator:{str(request.get('by') or 'unnamed')[:200]}"


def target_of(request: Mapping[str, Any]) -> str:
    """Return the Subscription that a request names, or all."""
    name = request.get("name")
    return f"subscriptions/{request.get('scope') or DEFAULT_SCOPE}/{name}" if name else "subscriptions"


async def record(publish: Publish, action: str, request: Mapping[str, Any], detail: str = "") -> None:
    """Record an act.

    Raises:
        HubError: the record could not be stored.
    """
    await publish(
        AuditRecorded(actor=actor_of(request), action=action, target=target_of(request), detail=detail)
    )
