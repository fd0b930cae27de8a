"""The environment of a Function's process: the variables upstream sets, then the Function's own. Pure.

Nothing of the hub's own environment is handed on but the search path, the language and the time zone; the hub's
settings and credentials are not visible to a Function.

Source: kyma-project/serverless:components/buildless-serverless/internal/controller/resources/deployment.go.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from hub.kernel.errors import MissingField

RESERVED = (
    "FUNC_RUNTIME",
    "FUNC_HANDLER",
    "FUNC_PORT",
    "FUNC_HANDLER_SOURCE",
    "FUNC_HANDLER_DEPENDENCIES",
    "MOD_NAME",
    "NODE_PATH",
    "PYTHONPATH",
)
"""Names a Function may not set, as upstream."""

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_LANGUAGE = "C.UTF-8"
_FIXED_AT_START = ("LANG", "LC_", "LD_", "MALLOC_", "GLIBC_")
"""Beginnings of variables that the loader, the C library or the interpreter read when they start, and never again."""
CONCURRENCY_MOST = 500
_BODY_MOST_BYTES = 128 * 1024 * 1024

Values = Mapping[str, str]
Lookup = Callable[[str, str], Values | None]
"""Kind (`Secret`, `ConfigMap`) and name → its values, or None when it does not exist."""


def base_environment(outer: Values, *, home: str, publisher: str, gateway: str) -> dict[str, str]:
    """Return what every Function's process gets of the machine and of the hub's addresses."""
    inherited = {name: outer[name] for name in INHERITED if name in outer}
    return {"PATH": _PATH, "LANG": _LANGUAGE} | inherited | {
        "HOME": home,
        "PUBLISHER_PROXY_ADDRESS": publisher,
        "PUBLISHER_URL": publisher,
        "GATEWAY_URL": gateway,
        "PYTHONUNBUFFERED": "TRUE",
        "MOD_NAME": "handler",
        "FUNC_HANDLER": "main",
    }


def fixed_at_start(environment: Values) -> dict[str, str]:
    """Return the variables of an environment that a running interpreter cannot be given any more."""
    return {name: value for name, value in environment.items() if name.startswith(_FIXED_AT_START)}


def at_rest_environment(outer: Values) -> dict[str, str]:
    """Return what an interpreter is started with that no Function has yet: what all of them get that is fixed then."""
    return fixed_at_start({"LANG": _LANGUAGE} | {name: outer[name] for name in INHERITED if name in outer})


def function_environment(
    base: Values, function: Values, entries: list[dict[str, Any]], look_up: Lookup
) -> dict[str, str]:
    """Return the whole environment of a Function.

    Args:
        base: see `base_environment`.
        function: `FUNC_NAME` and the like.
        entries: `spec.env`, admitted.
        look_up: finds Secrets and ConfigMaps of the Function's scope.

    Raises:
        MissingField: a Secret or ConfigMap, or its key, is not there and not optional.
    """
    own: dict[str, str] = {}
    for index, entry in enumerate(entries):
        value = _value(entry, f"spec.env[{index}]", look_up)
        if value is not None:
            own[entry["name"]] = value.replace("\0", "")
    return {**base, **function, **own}


def _value(entry: Mapping[str, Any], path: str, look_up: Lookup) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return str(entry.get("value") or "")
    field, kind = ("secretKeyRef", "Secret") if "secretKeyRef" in source else ("configMapKeyRef", "ConfigMap")
    reference = source[field]
    name, key = reference.get("name", ""), reference["key"]
    values = look_up(kind, name)
    if values is not None and key in values:
        return values[key]
    if reference.get("optional"):
        return None
    missing = f"{kind} '{name}' does not exist" if values is None else f"{kind} '{name}' has no key '{key}'"
    raise MissingField(
        f"{path} ({entry['name']}): {missing} in the Function's scope; create it, or make the reference optional.",
        field=f"{path}.valueFrom.{field}",
        reason="EnvironmentIncomplete",
    )


def config_map_values(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a ConfigMap as text."""
    binary = {name: _decoded(value or "") for name, value in (spec.get("binaryData") or {}).items()}
    return binary | {name: value or "" for name, value in (spec.get("data") or {}).items()}


def secret_values(opened: Values) -> dict[str, bytes]:
    """Return the values of an opened Secret (base64 by name)."""
    return {name: base64.b64decode(value) for name, value in opened.items()}


def _decoded(value: str) -> str:
    return base64.b64decode(value).decode("utf-8", "replace")


def redirected(environment: Values, addresses: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which other addresses stand wherever some stand, within longer values too.

    Args:
        environment: of a Function, its own variables included.
        addresses: address → what stands for it.
    """
    if not addresses:
        return dict(environment)
    # Not where the name or the port goes on: that is another address.
    pattern = re.compile("|".join(rf"{re.escape(address)}(?![\w.:-])" for address in addresses))
    return {name: pattern.sub(lambda found: addresses[found[0]], value) for name, value in environment.items()}


def refers(spec: Mapping[str, Any]) -> bool:
    """Say whether a Function takes anything from Secrets or ConfigMaps."""
    repository = (spec.get("source") or {}).get("gitRepository") or {}
    entries = spec.get("env") or []
    return bool(spec.get("secretMounts") or repository.get("auth")) or any(one.get("valueFrom") for one in entries)


def sealed_values(environment: Values, entries: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the values that came from Secrets."""
    names = [entry["name"] for entry in entries if "secretKeyRef" in (entry.get("valueFrom") or {})]
    return tuple(environment[name] for name in names if environment.get(name))


def timeout_of(environment: Values, default_seconds: float) -> float:
    """Return the time limit of one invocation: `FUNC_TIMEOUT` in seconds where it is a positive number."""
    try:
        seconds = float(environment.get("FUNC_TIMEOUT", ""))
    except ValueError:
        return default_seconds
    return seconds if 0 < seconds < 1e9 else default_seconds


def body_limit_of(environment: Values, runtime: str, default_bytes: int) -> int:
    """Return the largest body of a request in bytes: what the runtime's own variable says, else the default.

    Source: kyma-project/serverless:components/runtimes (REQ_MB_LIMIT, FUNC_BODY_MB_LIMIT, FUNC_MEMFILE_MAX).
    """
    names = {"REQ_MB_LIMIT": 1024 * 1024, "FUNC_BODY_MB_LIMIT": 1024 * 1024}
    if runtime.startswith("python"):
        names = {"FUNC_MEMFILE_MAX": 1, "FUNC_BODY_MB_LIMIT": 1024 * 1024}
    for name, unit in names.items():
        try:
            given = float(environment.get(name, ""))
        except ValueError:
            continue
        if 0 < given * unit <= _BODY_MOST_BYTES:
            return int(given * unit)
    return default_bytes


def concurrency_of(environment: Values, default: int) -> int:
    """Return how many invocations a process may have in hand: `FUNC_CONCURRENCY`, or upstream's number of threads."""
    for name in ("FUNC_CONCURRENCY", "CHERRYPY_NUMTHREADS", "SERVER_NUMTHREADS"):
        text = environment.get(name, "")
        if text.isdecimal() and 1 <= int(text) <= CONCURRENCY_MOST:
            return int(text)
    return default
