"""How much a Function's process may have: profiles and quantities as Kubernetes writes them. Pure.

Source: kyma-project/serverless:components/buildless-serverless/hack/function-config.yaml, validator.go.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

DEFAULT_PROFILE = "L"
CUSTOM = "custom"
MINIMUM = {"cpu": "10m", "memory": "16Mi"}

_PROFILES = {
    "XS": ("50m", "64Mi", "150m", "256Mi"),
    "S": ("100m", "128Mi", "200m", "256Mi"),
    "M": ("200m", "256Mi", "400m", "512Mi"),
    "L": ("400m", "512Mi", "800m", "1024Mi"),
    "XL": ("800m", "1024Mi", "1600m", "2048Mi"),
}
PROFILES = {"function": tuple(_PROFILES), "build": ("local-dev", "slow", "normal", "fast")}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]{1,3})?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|u|n)?")
_UNITS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}  # fmt: skip

Amounts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one process of a Function may use."""

    profile: str
    """The profile's name, or `custom`."""
    cpus: float
    memory_bytes: int


def amount(quantity: Any) -> Decimal | None:
    """Return a quantity (`100m`, `64Mi`, `1.5`) as a number, or None when it is none."""
    match = _QUANTITY.fullmatch(str(quantity).strip())
    if match is None or isinstance(quantity, bool):
        return None
    try:
        return Decimal(match[1]) * _UNITS[match[2] or ""]
    except InvalidOperation:
        return None


def allowance_of(spec: Mapping[str, Any]) -> Allowance:
    """Return what a Function's process may use: its profile, else its own limits, else profile L.

    Where only one of CPU and memory is limited, the other one is that of profile L.
    """
    part = (spec.get("resourceConfiguration") or {}).get("function") or {}
    resources = part.get("resources")
    name = part.get("profile") or (CUSTOM if resources else DEFAULT_PROFILE)
    _, _, cpu, memory = _PROFILES.get(name, _PROFILES[DEFAULT_PROFILE])
    limits = (resources or {}).get("limits") or {} if name == CUSTOM else {}
    cpus, most = amount(limits.get("cpu", cpu)), amount(limits.get("memory", memory))
    return Allowance(name, float(cpus or 1), int(most or 0))


def problems_of(spec: Mapping[str, Any]) -> Iterator[str]:
    """Return what is wrong with the quantities, in upstream's words."""
    part = (spec.get("resourceConfiguration") or {}).get("function") or {}
    resources = part.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, least in MINIMUM.items():
        yield from _too_small("limits", name, limits, least)
        yield from _too_small("request", name, requests, least)
        limit, request = amount(limits.get(name)), amount(requests.get(name))
        if limit is not None and request is not None and limit < request:
            yield f"Function limits {name}({limits[name]}) should be higher than requests {name}({requests[name]})"


def _too_small(which: str, name: str, amounts: Amounts, least: str) -> Iterator[str]:
    given, minimum = amount(amounts.get(name)), amount(least)
    if given is not None and minimum is not None and given < minimum:
        yield f"Function {which} {name}({amounts[name]}) should be higher than minimal value ({least})"


@dataclass(frozen=True, slots=True)
class Scale:
    """How many processes of a Function there may be."""

    least: int
    most: int


def scale_of(spec: Mapping[str, Any]) -> Scale:
    """Return how many processes a Function has, at rest and at most.

    `scaleConfig` gives both; `replicas` alone is the number itself, so state in memory is not split behind the
    author's back; `replicas: 0` beside a `scaleConfig` lets it go down to none. Nothing given: one at most, none at
    rest.
    """
    replicas, scale = spec.get("replicas"), spec.get("scaleConfig")
    if scale:
        most = max(scale["maxReplicas"], scale["minReplicas"])
        return Scale(0 if replicas == 0 else scale["minReplicas"], most)
    if replicas is None:
        return Scale(0, 1)
    return Scale(replicas, max(replicas, 1))
