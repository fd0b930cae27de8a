"""The status of the connection: upstream's states, dates and errors, and what became of the applications. Pure.

A success takes back the error before it: upstream leaves a stale one beside `Synchronized`.

Source: kyma-project/kyma:components/compass-runtime-agent/pkg/apis/compass/v1alpha1@2.20.0
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from contracts.compass.authorities import described as described_authorities
from hub.compass.certification import authority_ids
from hub.compass.difference import Removals
from hub.compass.model import Credentials, Failure
from hub.kernel.clock import rfc3339

State = Literal[
    "Connected",
    "ConnectionFailed",
    "ConnectionMaintenanceFailed",
    "SynchronizationFailed",
    "ResourceApplicationFailed",
    "MetadataUpdateFailed",
    "Synchronized",
]
Status = dict[str, Any]
_SHOWN = 50
"""Failures written into the status; the log has them all."""


@dataclass
class Outcome:
    """What one synchronization did."""

    total: int = 0
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    failures: list[Failure] = field(default_factory=list)
    problems: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name → what of an Application that is here could not be taken over."""
    removals: Removals = field(default_factory=Removals)
    changes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name → which parts of an Application were different."""
    labels: Mapping[str, Any] = field(default_factory=dict)
    """Labels of the Runtime, as the Director has them."""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was changed and nothing failed."""
        return not (self.created or self.updated or self.removed or self.failures or self.removals.withheld)


def established(status: Status, credentials: Credentials, now: datetime) -> Status:
    """Return the status after pairing."""
    connection: Status = {"established": rfc3339(now), "lastSync": rfc3339(now), "lastSuccess": rfc3339(now)}
    return status | {
        "connectionState": "Connected",
        "connectionStatus": connection | {"certificateStatus": _certificate(credentials, now)},
        **_authorities(credentials),
    }


def maintained(status: Status, credentials: Credentials, now: datetime, *, renewed: bool) -> Status:
    """Return the status after the Connector was asked, and the certificate perhaps renewed."""
    connection: Status = {name: value for name, value in _connection(status).items() if name != "error"}
    connection |= {"lastSync": rfc3339(now), "lastSuccess": rfc3339(now)}
    if renewed:
        connection |= {"renewed": rfc3339(now), "certificateStatus": _certificate(credentials, now)}
    return status | {"connectionStatus": connection} | _authorities(credentials)


def disconnected(status: Status, state: State, error: str, now: datetime) -> Status:
    """Return the status after pairing or maintenance failed; what is known of the certificate stays."""
    connection: Status = {"certificateStatus": {}} | _connection(status)
    return status | {
        "connectionState": state,
        "connectionStatus": connection | {"lastSync": rfc3339(now), "error": error},
    }


def unsynchronised(status: Status, state: State, error: str, now: datetime) -> Status:
    """Return the status after a synchronization failed; the dates of the last good one stay."""
    known = _synchronisation(status) | {"lastAttempt": rfc3339(now), "error": error}
    if state != "SynchronizationFailed":
        known |= {"lastSuccessfulFetch": rfc3339(now)}
    return status | {"connectionState": state, "synchronizationStatus": known}


def synchronised(status: Status, outcome: Outcome, now: datetime) -> Status:
    """Return the status after a synchronization; single applications may have failed in it."""
    times = dict.fromkeys(("lastAttempt", "lastSuccessfulFetch", "lastSuccessfulApplication"), rfc3339(now))
    error = {"error": text} if (text := _summary(outcome)) else {}
    return status | {"connectionState": "Synchronized", "synchronizationStatus": times | error} | described(outcome)


def error_of(status: Status) -> str:
    """Return why the connection is in its state; empty when it is a good one."""
    if status.get("connectionState") in ("Connected", "Synchronized"):
        return ""
    failed = ("ConnectionFailed", "ConnectionMaintenanceFailed")
    said = _connection(status) if status.get("connectionState") in failed else _synchronisation(status)
    return str(said.get("error") or "")


def counted(outcome: Outcome) -> dict[str, int]:
    """Return how many applications there are, and what became of how many."""
    return {
        "total": outcome.total,
        "created": len(outcome.created),
        "updated": len(outcome.updated),
        "removed": len(outcome.removed),
        "unchanged": outcome.unchanged,
        "failed": len(outcome.failures),
        "withheld": len(outcome.removals.withheld),
    }


def described(outcome: Outcome) -> Status:
    """Return what is said of the applications one by one."""
    problems = sorted(outcome.problems.items())
    return {
        "applications": {
            **counted(outcome),
            "failures": [asdict(failure) for failure in outcome.failures[:_SHOWN]],
            "problems": [{"name": name, "problems": list(of)} for name, of in problems[:_SHOWN]],
            "withheldRemovals": list(outcome.removals.withheld[:_SHOWN]),
        }
    }


def _summary(outcome: Outcome) -> str:
    texts: Sequence[str] = [outcome.removals.reason] if outcome.removals.reason else []
    if outcome.failures:
        first = outcome.failures[0]
        number = f"{len(outcome.failures)} of {outcome.total} applications failed"
        texts = [f"{number}, first {first.name} ({first.operation}): {first.error}", *texts]
    return " ".join(texts)


def _connection(status: Status) -> Status:
    return dict(status.get("connectionStatus") or {})


def _synchronisation(status: Status) -> Status:
    return dict(status.get("synchronizationStatus") or {})


def _authorities(credentials: Credentials) -> Status:
    return described_authorities(authority_ids(credentials), credentials.authorities.decode())


def _certificate(credentials: Credentials, now: datetime) -> Status:
    return {
        "acquired": rfc3339(now),
        "notBefore": rfc3339(credentials.not_before),
        "notAfter": rfc3339(credentials.not_after),
    }
