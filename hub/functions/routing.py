"""Which revision of a Function gets how much of its calls, and which one only watches. Pure.

`spec.traffic` and `spec.shadow` are the hub's own; upstream's schema does not have them. A revision is the rest of the
spec: changing who gets what makes no new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.kernel.errors import InvalidField
from hub.kernel.resource import need_map, refuse_unknown

LATEST = "latest"
FIELDS = ("traffic", "shadow")
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Route:
    """Who gets the calls of a Function."""

    shares: tuple[tuple[int, int], ...]
    """Number of a revision and its percentage, none of them 0, 100 together."""
    shadow: int | None = None
    """The revision that gets the same events beside them."""


def without_routing(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a revision is: the spec without who gets what."""
    return {name: value for name, value in spec.items() if name not in FIELDS}


def route_of(spec: Mapping[str, Any], newest: int) -> Route:
    """Return the route that an admitted spec asks for; what it gives to nobody, the newest revision gets."""
    shares: dict[int, int] = {}
    for share in spec.get("traffic") or []:
        number = _number(share["revision"], newest)
        shares[number] = shares.get(number, 0) + share["percent"]
    rest = _WHOLE - sum(shares.values())
    shares[newest] = shares.get(newest, 0) + rest
    shadow = spec.get("shadow")
    watching = _number(shadow["revision"], newest) if shadow else None
    return Route(tuple((number, percent) for number, percent in sorted(shares.items()) if percent), watching)


def need_routing(spec: Mapping[str, Any]) -> None:
    """Return when `traffic` and `shadow` of a spec are acceptable.

    Raises:
        InvalidField: with the path of the field.
    """
    shares = spec.get("traffic", [])
    if not isinstance(shares, list):
        raise InvalidField("spec.traffic must be a list of revision and percent.", field="spec.traffic")
    for index, share in enumerate(shares):
        path = f"spec.traffic[{index}]"
        refuse_unknown(need_map(share, path), {"revision", "percent"}, path)
        _need_revision(share.get("revision"), f"{path}.revision")
        _need_percent(share.get("percent"), f"{path}.percent")
    if sum(share["percent"] for share in shares) > _WHOLE:
        raise InvalidField("spec.traffic gives away more than 100 percent.", field="spec.traffic")
    if "shadow" in spec:
        refuse_unknown(need_map(spec["shadow"], "spec.shadow"), {"revision"}, "spec.shadow")
        _need_revision(spec["shadow"].get("revision"), "spec.shadow.revision")


def _need_revision(value: Any, path: str) -> None:
    if value != LATEST and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidField(
            f"{path} must be the number of a revision, or {LATEST}; see `hub function revisions`.", field=path
        )


def _need_percent(value: Any, path: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _WHOLE:
        raise InvalidField(f"{path} must be a whole number from 0 to 100.", field=path)


def _number(said: int | str, newest: int) -> int:
    return newest if said == LATEST else int(said)
