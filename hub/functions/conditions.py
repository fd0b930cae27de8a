"""What the status of a Function says: upstream's conditions, and `Ready` over both. Pure.

Source: kyma-project/serverless:components/buildless-serverless/api/v1alpha2 (types, reasons, messages).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hub.functions.resources import allowance_of
from hub.functions.runtimes import configured_text
from hub.kernel.errors import HubError
from hub.kernel.resource import Resource

MESSAGE_LIMIT = 32_768
CONFIGURED = "ConfigurationReady"
RUNNING = "Running"
READY = "Ready"
_CONFIGURATION_REASONS = ("InvalidFunctionSpec", "SourceUpdateFailed", "EnvironmentIncomplete", "DependenciesFailed")
_OWN = "serverless.kyma-project.io/"

Phase = Literal["running", "underway", "failed"]


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with a Function."""

    phase: Phase
    reason: str
    message: str
    note: str = ""
    """What is to be said about the configuration although it is in order."""
    replicas: int = 0
    repository: Mapping[str, str] = field(default_factory=dict)
    """Of a Git source: url, baseDir, reference and the commit that runs."""

    @property
    def configured(self) -> bool:
        """Say whether the Function's configuration is in order."""
        return self.phase != "failed" or self.reason not in _CONFIGURATION_REASONS


def running_state(note: str, generation: int, replicas: int, repository: Mapping[str, str]) -> State:
    """Return the state of a Function that answers, by a process or as soon as it is called."""
    return State("running", "DeploymentReady", f"Revision {generation} is ready", note, replicas, repository)


def underway_state(note: str, message: str) -> State:
    """Return the state of a Function that is being deployed."""
    return State("underway", "DeploymentWaiting", message, note)


def failed_state(error: HubError, note: str, answering: int | None) -> State:
    """Return the state of a Function that cannot be run.

    Args:
        error: why; its field `reason` names the condition's reason.
        note: see `State`.
        answering: the generation that still answers calls, if any.
    """
    still = f" Revision {answering} still answers." if answering is not None else ""
    return State("failed", str(error.fields.get("reason", "DeploymentFailed")), error.detail + still, note)


def status_of(resource: Resource, state: State, now: str) -> dict[str, Any]:
    """Return the status to store; a condition that says the same as before keeps its time."""
    before = {condition["type"]: condition for condition in resource.status.get("conditions", [])}
    named = zip((CONFIGURED, RUNNING, READY), _said(resource, state), strict=True)
    return {
        "observedGeneration": resource.generation,
        "runtime": resource.spec["runtime"],
        "replicas": state.replicas,
        "podSelector": ",".join(f"{name}={value}" for name, value in selector_of(resource).items()),
        "functionResourceProfile": allowance_of(resource.spec).profile,
        **_optional(resource, state),
        "conditions": [_condition(kind, said, before.get(kind), now) for kind, said in named],
    }


def selector_of(resource: Resource) -> dict[str, str]:
    """Return the four labels by which upstream's Service finds a Function's processes."""
    return {
        f"{_OWN}function-name": resource.name,
        f"{_OWN}managed-by": "function-controller",
        f"{_OWN}resource": "deployment",
        f"{_OWN}uuid": resource.uid,
    }


def _optional(resource: Resource, state: State) -> dict[str, Any]:
    annotations = resource.spec.get("annotations")
    status: dict[str, Any] = {"functionAnnotations": annotations} if annotations else {}
    if state.repository:
        parts = {name: state.repository[name] for name in ("commit", "baseDir", "reference")}
        status |= {"gitRepository": dict(state.repository)} | parts  # upstream has them twice
    return status


def _said(resource: Resource, state: State) -> list[tuple[str, str, str]]:
    why = ("False", state.reason, state.message)
    if state.phase == "running":
        return [_configured(resource, state), ("True", state.reason, state.message), _READY]
    if state.phase == "underway":
        under_way = ("Unknown", state.reason, state.message)
        return [_configured(resource, state), under_way, under_way]
    if state.configured:
        return [_configured(resource, state), why, why]
    return [why, ("False", "DeploymentFailed", "Not configured"), why]


_READY = ("True", "FunctionReady", "The Function answers")


def _configured(resource: Resource, state: State) -> tuple[str, str, str]:
    reason, text = "FunctionSpecValidated", configured_text(resource.spec["runtime"])
    before = resource.status.get("commit")
    if before and state.repository and state.repository["commit"] != before:
        reason, text = "SourceUpdated", "Function source updated"
    return "True", reason, f"{text}; {state.note}" if state.note else text


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


def is_ready(resource: Resource) -> bool:
    """Say whether this very generation has been found to answer before."""
    return (
        resource.status.get("observedGeneration") == resource.generation
        and condition_of(resource, READY).get("status") == "True"
    )
