"""What is found wrong with an admitted Function only when it is to run; the texts end in its status. Pure.

Source: kyma-project/serverless:components/buildless-serverless/internal/controller/validator/validator.go.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from contracts import dns1123
from hub.functions import resources, runtimes
from hub.functions.conversion import repository_is_known

_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_ENV_RULE = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not"
    " start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is"
    " '[-._a-zA-Z][-._a-zA-Z0-9]*')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    f" '{dns1123.PATTERN}')"
)
_QUALIFIED_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_NAME_PART_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_SSH_URL = re.compile(r"((git|ssh|[\w.-]+@[\w.-]+)(:(//)?)([\w.@:/~-]+)(\.git)?(/)?)")
_LABEL_LIMIT = 63
_SCHEMES = ("http", "https", "git", "ssh")

Spec = Mapping[str, Any]


def problems_of(spec: Spec) -> list[str]:
    """Return everything that is wrong, in upstream's words; empty when the Function can be run."""
    return [
        *_environment(spec),
        *_dependencies(spec),
        *_mounts(spec),
        *_labels(spec),
        *_repository(spec),
        *resources.problems_of(spec),
    ]


def _environment(spec: Spec) -> Iterator[str]:
    for entry in spec.get("env") or []:
        if not _ENV_NAME.fullmatch(entry["name"]):
            yield f"spec.env: {entry['name']}. Err: {_ENV_RULE}"
            return  # upstream reports the first one only


def _dependencies(spec: Spec) -> Iterator[str]:
    inline, runtime = (spec.get("source") or {}).get("inline"), spec.get("runtime") or ""
    if runtime and not runtimes.is_known(runtime):
        if inline is not None:
            yield f"invalid source.inline.dependencies value: cannot find runtime: {runtime}"
        yield f"invalid runtime value: cannot find runtime: {runtime}"
        return
    text = ((inline or {}).get("dependencies") or "").strip()
    if text and runtimes.family_of(runtime) == "node" and not (text.startswith("{") and text.endswith("}")):
        yield "invalid source.inline.dependencies value: deps should start with '{' and end with '}'"


def _mounts(spec: Spec) -> Iterator[str]:
    names = [mount["secretName"] for mount in spec.get("secretMounts") or []]
    if any(not dns1123.has_form(name) for name in names):
        yield f"invalid spec.secretMounts: [{_SUBDOMAIN_RULE}]"
    if len(set(names)) != len(names):
        yield "invalid spec.secretMounts: [secretNames should be unique]"


def _labels(spec: Spec) -> Iterator[str]:
    for field in ("labels", "annotations"):
        for key in spec.get(field) or {}:
            prefix, slash, name = key.rpartition("/")
            if slash and not dns1123.has_form(prefix):
                yield f'spec.{field}: Invalid value: "{key}": prefix part {_SUBDOMAIN_RULE}'
            if len(name) > _LABEL_LIMIT or not _QUALIFIED_PART.fullmatch(name):
                yield f'spec.{field}: Invalid value: "{key}": {_NAME_PART_RULE}'
    for value in (spec.get("labels") or {}).values():
        if value and (len(value) > _LABEL_LIMIT or not _QUALIFIED_PART.fullmatch(value)):
            yield f'spec.labels: Invalid value: "{value}": {_LABEL_VALUE_RULE}'


def _repository(spec: Spec) -> Iterator[str]:
    repository = (spec.get("source") or {}).get("gitRepository")
    if repository is None or not repository_is_known(repository):
        return
    url = repository["url"]
    if _SSH_URL.fullmatch(url):
        return
    address = urlsplit(url)
    if not address.scheme:
        yield f'source.gitRepository.URL: parse "{url}": invalid URI for request'
    elif address.scheme not in _SCHEMES:
        yield f'source.gitRepository.URL: "{url}": use http, https, git or ssh'
