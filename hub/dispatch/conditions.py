"""The status of a Subscription: ready or not, its types and consumer, conditions with upstream's reasons. Pure.

Source: kyma-project/eventing-manager:api/eventing/v1alpha2.
"""

from typing import Any

from hub.dispatch.planning import Plan

ACTIVE, VALID = "Subscription active", "Subscription spec valid"
PAUSED = "Subscription paused"
_PAUSES = {
    "requested": "spec.paused is true: events are kept, none is delivered.",
    "sink_gone": "The sink answered 410 Gone, so nothing is sent there any more: events are kept. Change spec.sink or"
    " mend the sink, then `hub subscription resume`.",
}
_REASONS = {
    (ACTIVE, True): "NATS Subscription active",
    (ACTIVE, False): "NATS Subscription not active",
    (VALID, True): "Subscription spec has no validation errors",
    (VALID, False): "Subscription spec has validation errors",
}


def status_of(plan: Plan, old: dict[str, Any], now: str, problem: str = "") -> dict[str, Any]:
    """Return the status of a Subscription.

    Args:
        plan: what it means.
        old: its status so far; a condition that did not change keeps its time.
        now: RFC 3339.
        problem: why nothing is delivered; empty when it is.
    """
    types = list(dict.fromkeys(plan.spec["types"]))
    active = _condition(ACTIVE, not problem and not plan.is_paused, problem, old, now)
    if plan.is_paused and not problem:
        text = _PAUSES[old.get("pause", {}).get("reason", "requested")]
        active = _dated({"type": ACTIVE, "status": "False", "reason": PAUSED, "message": text}, old, now)
    names = ("circuitBreaker", "start", "pause") if plan.is_paused else ("circuitBreaker", "start")
    kept = {name: old[name] for name in names if name in old}
    return kept | {
        "ready": active["status"] == "True",
        "types": [{"originalType": name, "cleanType": plan.listening.clean[name]} for name in types],
        "conditions": [active, _condition(VALID, True, "", old, now)],
        "backend": {"types": [{"originalType": name, "consumerName": plan.durable} for name in types]},
    }


def refused_status(old: dict[str, Any], now: str, problem: str) -> dict[str, Any]:
    """Return the status of a Subscription whose spec cannot be read."""
    text = f"Subscription validation failed: {problem}"
    return {"ready": False, "types": [], "conditions": [_condition(VALID, False, text, old, now)], "backend": {}}


def breaker_status(state: str, since: str, failures: int) -> dict[str, Any]:
    """Return what the status says about the circuit breaker: as the worker saw it that changed it last."""
    return {"state": state, "since": since, "failures": failures}


def _condition(kind: str, holds: bool, message: str, old: dict[str, Any], now: str) -> dict[str, Any]:
    return _dated({"type": kind, "status": str(holds), "reason": _REASONS[kind, holds], "message": message}, old, now)


def _dated(new: dict[str, str], old: dict[str, Any], now: str) -> dict[str, Any]:
    for known in old.get("conditions", []):
        if all(known.get(name) == value for name, value in new.items()):
            return {**new, "lastTransitionTime": known.get("lastTransitionTime", now)}
    return {**new, "lastTransitionTime": now}
