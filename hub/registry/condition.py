"""What the status of an Application says besides its Services: failures, client certificates, what is wrong.

Kept apart from the Services so that the command line, which shows it, need not load how they are registered.
"""

from dataclasses import replace
from typing import Any

from hub.kernel.resource import Resource

DEPLOYED = {"status": "deployed", "description": "Served by the hub."}
"""Upstream's word for an Application that can be used."""

_CERTIFICATES = 20
"""Most client certificates that a status names, revoked ones included; a solution has one, two while it renews."""

FAILURE = "lastFailure"
"""Member of the status: the registration that was refused last, because its specification could not be had."""


def failed(application: Resource, service: str, error: str, time: str) -> Resource:
    """Return the Application with a status that says why a Service was refused; the next success ends it."""
    failure = {"service": service, "error": error, "time": time}
    said = {"installationStatus": DEPLOYED} | dict(application.status) | {FAILURE: failure}
    return replace(application, status=said)


def certified(application: Resource, fingerprint: str, not_after: str, now: str) -> Resource:
    """Return the Application with one more client certificate in its status; those that have ended are dropped.

    One that was revoked stays so: its issue may be heard of later than its end. Moments are RFC 3339 in UTC, which
    compare as texts.
    """
    known = _certificates(application)
    if any(each["fingerprint"] == fingerprint and each.get("revoked") for each in known):
        return application
    others = [each for each in known if each["fingerprint"] != fingerprint]
    kept = [each for each in others if each.get("revoked") or each["notAfter"] > now]
    return _with_certificates(application, [*kept, {"fingerprint": fingerprint, "notAfter": not_after}])


def decertified(application: Resource, fingerprint: str) -> Resource:
    """Return the Application with a client certificate marked as revoked."""
    others = [each for each in _certificates(application) if each["fingerprint"] != fingerprint]
    return _with_certificates(application, [*others, {"fingerprint": fingerprint, "revoked": True}])


def certificate_end(application: Resource) -> str:
    """Return the moment at which the last certificate in force ends (RFC 3339); empty when there is none."""
    return max((each["notAfter"] for each in _certificates(application) if not each.get("revoked")), default="")


def _certificates(application: Resource) -> list[dict[str, Any]]:
    return list(application.status.get("certificates") or ())


def _with_certificates(application: Resource, kept: list[dict[str, Any]]) -> Resource:
    said = {"installationStatus": DEPLOYED} | dict(application.status) | {"certificates": kept[-_CERTIFICATES:]}
    return replace(application, status=said)


def problems_of(application: Resource) -> list[str]:
    """Return what is wrong with what was registered, in the order of the Services."""
    services = (application.status.get("services") or {}).values()
    documents = [said for service in services for said in (service.get("specs") or {}).values()]
    failure = application.status.get(FAILURE)
    return [text for said in documents for text in said.get("problems") or ()] + ([failure["error"]] if failure else [])
