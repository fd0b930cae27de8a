"""What has to be done so that the Applications here are those of the Director, and what must not be done yet.

Removing is guarded three times: only lists that were read to the end count, an Application must be missing from two of
them, and more than a share of all at once waits for a person.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.application.managing import is_managed
from contracts.dns1123 import is_subdomain
from hub.compass import naming
from hub.compass.model import Failure, Mirror
from hub.kernel.resource import Resource

OWN_FIELDS = ("description", "labels", "compassMetadata", "services")
"""Members of an Application's spec that are the Director's; the others are the operator's."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The names that the Director's applications get here."""

    names: Mapping[str, str]
    """Id at the Director → name."""
    failures: tuple[Failure, ...]


def named(listed: Mapping[str, str], labels: Mapping[str, Any]) -> Naming:
    """Return the names of applications here; those that collide or cannot be a name are failures, not names.

    Args:
        listed: id → name as the Director says it.
        labels: of the Runtime; `isNormalized: "true"` says that the Director has normalised the names already.
    """
    done = is_normalised(labels)
    names = {each: naming.application_name(name, is_normalised=done) for each, name in listed.items()}
    counted = Counter(names.values())
    failures = [
        Failure(name, each, "convert", _fault(name, counted[name]))
        for each, name in names.items()
        if counted[name] > 1 or not is_subdomain(name)
    ]
    refused = {failure.id for failure in failures}
    return Naming({each: name for each, name in names.items() if each not in refused}, tuple(failures))


def _fault(name: str, number: int) -> str:
    if number > 1:
        return (
            f"The compass application name is duplicated {name}: {number} applications get it; rename all but one at "
            "the Director. None of them is changed here."
        )
    return f"'{name}' cannot be the name of an Application; let the Director normalise names, or rename it there."


def is_normalised(labels: Mapping[str, Any]) -> bool:
    """Tell by the labels of the Runtime whether the Director has normalised the names already."""
    return labels.get("isNormalized") == "true"


def director_id(found: Resource) -> str:
    """Return the id that an Application has at the Director; empty when it does not say."""
    return str((found.spec.get("compassMetadata") or {}).get("applicationId") or "")


def changes(found: Resource, mirror: Mirror, secrets: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Return which parts of an Application are not what they should be; none when it is current.

    Args:
        found: as it is stored.
        mirror: as it should be.
        secrets: name → values of those of its Secrets that are stored.
    """
    wanted = {name: stored.values for name, stored in mirror.secrets.items()}
    different = [name for name in OWN_FIELDS if found.spec.get(name) != mirror.spec.get(name)]
    different += ["credentials"] if dict(secrets) != wanted else []
    different += ["specifications"] if _digests(found) != _wanted_digests(mirror) else []
    return tuple(different)


def _digests(found: Resource) -> dict[str, str]:
    services: Mapping[str, Any] = found.status.get("services") or {}
    return {
        f"{place}/{kind}": str(said.get("sha256"))
        for place, service in services.items()
        for kind, said in (service.get("specs") or {}).items()
    }


def _wanted_digests(mirror: Mirror) -> dict[str, str]:
    return {
        f"{place}/{kind}": hashlib.sha256(document).hexdigest()
        for place, documents in mirror.documents.items()
        for kind, document in documents.items()
    }


@dataclass(frozen=True, slots=True)
class Removals:
    """Which Applications go, and which stay although the Director does not list them."""

    remove: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    reason: str = ""


def removals(
    present: Mapping[str, Resource], kept: Collection[str], *, share: float, accepted: bool = False
) -> Removals:
    """Return which Applications to remove.

    Args:
        present: every Application here, by name.
        kept: names that one of two complete lists of the Director has, and those that failed.
        share: the largest share of the Applications of Compass that goes without a person's consent; one always
            may, unless the share is 0.
        accepted: whether a person has consented.
    """
    managed = sorted(name for name, found in present.items() if is_managed(found.labels))
    gone = tuple(name for name in managed if name not in kept)
    allowed = max(1, int(len(managed) * share)) if share else 0
    if accepted or len(gone) <= allowed:
        return Removals(remove=gone)
    reason = (
        f"The Director lists {len(gone)} of {len(managed)} Applications no more, which is above the share "
        f"HUB_COMPASS__REMOVAL_SHARE ({share:g}); they are kept. If they are to go: hub compass sync --accept-removals"
    )
    return Removals(withheld=gone, reason=reason)
