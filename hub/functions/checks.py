"""What is found wrong with an admitted Function only when it is to run; the texts end in its status. Pure.

Source: kyma-project/serverless:components/buildless-serverless/internal/controller/validator/validator.go.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hub.functions import runtimes

_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_ENV_RULE = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not"
    " start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is"
    " '[-._a-zA-Z][-._a-zA-Z0-9]*')"
)
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)

Spec = Mapping[str, Any]


def problems_of(spec: Spec) -> list[str]:
    """Return everything that is wrong, in upstream's words; empty when the Function can be run."""
    return [*_environment(spec), *_dependencies(spec), *_mounts(spec)]


def _environment(spec: Spec) -> Iterator[str]:
    for entry in spec.get("env") or []:
        if not _ENV_NAME.fullmatch(entry["name"]):
            yield f"spec.env: {entry['name']}. Err: {_ENV_RULE}"
            return  # upstream reports the first one only


def _dependencies(spec: Spec) -> Iterator[str]:
    text = (spec["source"].get("inline", {}).get("dependencies") or "").strip()
    if text and not runtimes.is_python(spec["runtime"]) and not (text.startswith("{") and text.endswith("}")):
        yield "invalid source.inline.dependencies value: deps should start with '{' and end with '}'"


def _mounts(spec: Spec) -> Iterator[str]:
    names = [mount["secretName"] for mount in spec.get("secretMounts") or []]
    if any(not _SUBDOMAIN.fullmatch(name) for name in names):
        yield f"invalid spec.secretMounts: [{_SUBDOMAIN_RULE}]"
    if len(set(names)) != len(names):
        yield "invalid spec.secretMounts: [secretNames should be unique]"
