"""What the status of a Function says: upstream's conditions, and `Ready` over both. Pure.

Source: kyma-project/serverless:components/buildless-serverless/api/v1alpha2 (types, reasons, messages).
"""

from dataclasses import dataclass
from typing import Any

from hub.kernel.errors import HubError
from hub.kernel.resource import Resource

MESSAGE_LIMIT = 32_768
CONFIGURED = "ConfigurationReady"
RUNNING = "Running"
READY = "Ready"
_CONFIGURATION_REASONS = ("InvalidFunctionSpec", "SourceUpdateFailed", "EnvironmentIncomplete", "DependenciesFailed")


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with a Function."""

    configured: bool
    running: bool
    reason: str
    message: str
    note: str = ""
    """What is to be said about the configuration although it is in order."""


def running_state(note: str, generation: int) -> State:
    """Return the state of a Function whose process answers."""
    return State(True, True, "DeploymentReady", f"Revision {generation} is ready", note)


def failed_state(error: HubError, note: str, answering: int | None) -> State:
    """Return the state of a Function that cannot be run.

    Args:
        error: why; its field `reason` names the condition's reason.
        note: see `State`.
        answering: the generation that still answers calls, if any.
    """
    reason = str(error.fields.get("reason", "DeploymentFailed"))
    still = f" Revision {answering} still answers." if answering is not None else ""
    return State(reason not in _CONFIGURATION_REASONS, False, reason, error.detail + still, note)


def status_of(resource: Resource, state: State, now: str) -> dict[str, Any]:
    """Return the status to store; a condition that says the same as before keeps its time."""
    configured = (
        ("True", "FunctionSpecValidated", f"Function configured{_noted(state)}")
        if state.configured
        else ("False", state.reason, state.message)
    )
    why = ("False", state.reason, state.message)
    down = why if state.configured else ("False", "DeploymentFailed", "Not configured")
    running = ("True", state.reason, state.message) if state.running else down
    ready = ("True", "FunctionReady", "The Function answers") if state.running else why
    before = {condition["type"]: condition for condition in resource.status.get("conditions", [])}
    named = ((CONFIGURED, configured), (RUNNING, running), (READY, ready))
    return {
        "observedGeneration": resource.generation,
        "runtime": resource.spec["runtime"],
        "replicas": 1 if state.running else 0,
        "conditions": [_condition(kind, said, before.get(kind), now) for kind, said in named],
    }


def _noted(state: State) -> str:
    return f"; {state.note}" if state.note else ""


def _condition(kind: str, said: tuple[str, str, str], before: dict[str, Any] | None, now: str) -> dict[str, Any]:
    status, reason, message = said
    same = before is not None and before["status"] == status
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message[:MESSAGE_LIMIT],
        "lastTransitionTime": before["lastTransitionTime"] if before and same else now,
    }


def condition_of(resource: Resource, kind: str) -> dict[str, Any]:
    """Return a condition of a stored Function; empty when it has not been judged yet."""
    found: list[dict[str, Any]] = resource.status.get("conditions", [])
    return next((condition for condition in found if condition["type"] == kind), {})
