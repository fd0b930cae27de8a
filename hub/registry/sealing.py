"""Secrets at rest: the values of a Secret become one sealed text in its spec, beside the names of the values.

Stored spec: `{"type", "keys": [names], "sealed": base64, "immutable"?}`; sealed is JSON, name → value as base64, for
the context `secrets/<bucket key>`, so that a sealed text copied to another Secret does not open.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from hub.kernel.keys import Keys
from hub.kernel.resource import Resource
from hub.registry.kinds import admit_secret, need_mutable, values_of

Encoded = Mapping[str, str]
"""Name → value as base64."""


def context_of(secret: Resource) -> str:
    """Return what a sealed text is bound to: the place of its Secret."""
    return f"secrets/{secret.key}"


def seal(keys: Keys, secret: Resource, values: Encoded) -> Resource:
    """Return a Secret that holds these values sealed, and nothing readable."""
    sealed = keys.seal(orjson.dumps(dict(values)), context_of(secret))
    spec: dict[str, Any] = {
        "type": secret.spec.get("type") or "Opaque",
        "keys": sorted(values),
        "sealed": base64.b64encode(sealed).decode(),
    }
    return replace(secret, spec=spec | ({"immutable": True} if secret.spec.get("immutable") else {}))


def opened(keys: Keys, secret: Resource) -> dict[str, str]:
    """Return the values of a Secret as base64 by name.

    Raises:
        Misconfigured: another master key sealed them.
    """
    plain = keys.open(base64.b64decode(secret.spec["sealed"]), context_of(secret))
    values: dict[str, str] = orjson.loads(plain)
    return values


def is_current(keys: Keys, secret: Resource) -> bool:
    """Tell whether the present master key has sealed a Secret."""
    return keys.is_current(base64.b64decode(secret.spec["sealed"]), context_of(secret))


def sealed_anew(keys: Keys, secret: Resource) -> Resource:
    """Return a Secret with the same values, sealed by the present master key; the same when it is already."""
    if is_current(keys, secret):
        return secret
    sealed = seal(keys, secret, opened(keys, secret)).spec["sealed"]
    return replace(secret, spec=secret.spec | {"sealed": sealed})


def texts(keys: Keys, secret: Resource) -> dict[str, str]:
    """Return the values of a Secret as text by name."""
    return {name: base64.b64decode(value).decode("utf-8", "replace") for name, value in opened(keys, secret).items()}


def encoded(values: Mapping[str, str]) -> dict[str, str]:
    """Return texts as base64."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def admission(keys: Keys) -> Callable[[Resource, Resource | None], Resource]:
    """Return the admission of Secrets where they are stored: judged as written, then sealed.

    Equal values keep their sealed text, so that applying a Secret again changes nothing.
    """

    def admit(new: Resource, old: Resource | None) -> Resource:
        judged = admit_secret(new, old)
        values = values_of(judged)
        sealed = seal(keys, judged, values)
        if old is not None and opened(keys, old) == values:
            sealed = replace(sealed, spec=sealed.spec | {"sealed": old.spec["sealed"]})
        need_mutable(sealed, old)
        return sealed

    return admit
