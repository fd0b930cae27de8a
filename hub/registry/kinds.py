"""The kinds of resource that the registry owns: Application, Secret, ConfigMap."""

import base64
import binascii
import re
from dataclasses import replace
from typing import Any

import orjson
from pydantic import Field

from contracts.dns1123 import is_subdomain
from hub.kernel.errors import InvalidField
from hub.kernel.resource import Column, Kind, Resource
from hub.registry.condition import certificate_end, problems_of
from hub.registry.shape import ApplicationShape, Shape, fields_of, need_shape

API_VERSION = "applicationconnector.kyma-project.io/v1alpha1"
SIZE_LIMIT_BYTES = 900_000
"""The event store takes no value above one megabyte."""

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


class SecretShape(Shape):
    """Values that are kept sealed."""

    type: str | None = Field(None, description="What the values are; `Opaque` when not said.")
    data: dict[str, str | None] | None = Field(None, description="Name → value as base64.")
    string_data: dict[str, str | None] | None = Field(None, description="Name → value as it is; wins over `data`.")
    immutable: bool | None = Field(None, description="`true`: the values cannot be changed, only deleted.")


class ConfigMapShape(Shape):
    """Values that are not secret."""

    data: dict[str, str | None] | None = Field(None, description="Name → value.")
    binary_data: dict[str, str | None] | None = Field(None, description="Name → value as base64.")
    immutable: bool | None = Field(None, description="`true`: the values cannot be changed, only deleted.")


def need_name(resource: Resource) -> None:
    """Refuse a name that Kubernetes would refuse.

    Raises:
        InvalidField: with the path.
    """
    if not is_subdomain(resource.name):
        raise InvalidField(
            f"metadata.name '{resource.name}' is not a name: use lower-case letters, digits, '-' and '.', each part"
            " beginning and ending with a letter or digit.",
            field="metadata.name",
        )


def need_size(spec: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a spec that the event store can hold.

    Raises:
        InvalidField: it is too large.
    """
    size = len(orjson.dumps(spec))
    if size > SIZE_LIMIT_BYTES:
        raise InvalidField(f"{path} has {size} bytes; at most {SIZE_LIMIT_BYTES} can be stored.", field=path)
    return spec


def admit_application(new: Resource, _old: Resource | None) -> Resource:
    """Judge an Application."""
    need_name(new)
    spec = need_size(need_shape(new.spec, ApplicationShape), "spec")
    _need_unique(spec, "id")
    _need_unique(spec, "identifier")
    return replace(new, spec=spec)


def _need_unique(spec: dict[str, Any], name: str) -> None:
    seen: set[str] = set()
    for index, service in enumerate(spec.get("services", [])):
        value = service.get(name) or ""
        if value in seen:
            path = f"spec.services[{index}].{name}"
            raise InvalidField(f"{path} '{value}' stands there twice; it must be unique.", field=path)
        seen |= {value} if value else set()


def values_of(resource: Resource) -> dict[str, str]:
    """Return the values of a Secret as a person wrote them, as base64 by name.

    Raises:
        InvalidField: with the path of the name or value.
    """
    shape = need_shape(resource.spec, SecretShape, "")
    plain: dict[str, str | None] = shape.get("stringData") or {}
    encoded = _need_base64(shape.get("data") or {}, "data")
    for key in plain:
        _need_key(key, "stringData")
    return encoded | {key: base64.b64encode((text or "").encode()).decode() for key, text in plain.items()}


def _need_base64(values: dict[str, str | None], path: str) -> dict[str, str]:
    for key, value in values.items():
        _need_key(key, path)
        try:
            base64.b64decode(_joined(value), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidField(f"{path}.{key} is not base64.", field=f"{path}.{key}") from error
    return {key: _joined(value) for key, value in values.items()}


def _joined(value: str | None) -> str:
    """Return base64 without its line breaks, which a block string has."""
    return "".join((value or "").split())


def _need_key(key: str, path: str) -> None:
    if not _KEY.fullmatch(key) or key in (".", ".."):
        raise InvalidField(
            f"{path} has the key '{key[:80]}'; use letters, digits, '-', '_' and '.'.", field=f"{path}.{key[:80]}"
        )


def admit_secret(new: Resource, _old: Resource | None) -> Resource:
    """Judge a Secret as written; `sealing.admission` keeps none of its values readable."""
    need_name(new)
    values_of(new)
    return replace(new, spec=need_size(new.spec, "data"))


def admit_config_map(new: Resource, old: Resource | None) -> Resource:
    """Judge a ConfigMap."""
    need_name(new)
    spec = need_shape(new.spec, ConfigMapShape, "")
    _need_base64(spec.get("binaryData", {}), "binaryData")
    for key in spec.get("data", {}):
        _need_key(key, "data")
    texts = {key: text or "" for key, text in spec.get("data", {}).items()}
    admitted = replace(new, spec=need_size(spec | ({"data": texts} if texts else {}), "data"))
    need_mutable(admitted, old)
    return admitted


def need_mutable(new: Resource, old: Resource | None) -> None:
    """Refuse to change what is immutable.

    Raises:
        InvalidField: the stored object says `immutable` and differs.
    """
    if old is not None and old.spec.get("immutable") and old.spec != new.spec:
        raise InvalidField(f"{new.kind} '{new.name}' is immutable; delete it first.", field="immutable")


def conceal_secret(secret: Resource) -> Resource:
    """Return a Secret as it is shown: the names of its values, never a value."""
    names: list[str] = secret.spec.get("keys", [])
    shown: dict[str, Any] = {"type": secret.spec.get("type", "Opaque"), "data": dict.fromkeys(names, CONCEALED)}
    return replace(secret, spec=shown | _immutable(secret.spec))


CONCEALED = "<sealed>"
"""Stands for a value; it is not base64, so that a shown Secret is refused instead of stored."""


def _immutable(spec: dict[str, Any]) -> dict[str, Any]:
    return {"immutable": True} if spec.get("immutable") else {}


def _event_types(application: Resource) -> str:
    return str(application.status.get("eventTypes", ""))


def _last_event(application: Resource) -> str:
    """Return when the last event came; empty when that was not looked up."""
    return str(application.status.get("lastEvent", "") or "never") if "lastEvent" in application.status else ""


def _problems(application: Resource) -> str:
    return str(len(problems_of(application)) or "")


APPLICATION = Kind(
    kind="Application",
    plural="applications",
    api_versions=(API_VERSION,),
    admit=admit_application,
    scoped=False,
    short_names=("app",),
    columns=(
        Column("Services", lambda resource: str(len(resource.spec.get("services", [])))),
        Column("Event types", _event_types),
        Column("Last event", _last_event),
        Column("Certificate until", lambda resource: certificate_end(resource)[:10] or "none"),
        Column("Problems", _problems),
        Column("Created", lambda resource: resource.created),
    ),
    description="A connected solution: what it offers, and which certificates speak for it.",
    fields=fields_of(ApplicationShape),
)

SECRET = Kind(
    kind="Secret",
    plural="secrets",
    api_versions=("v1",),
    admit=admit_secret,
    columns=(
        Column("Type", lambda resource: str(resource.spec.get("type", "Opaque"))),
        Column("Values", lambda resource: str(len(resource.spec.get("keys", resource.spec.get("data", []))))),
        Column("Created", lambda resource: resource.created),
    ),
    description="Values that are kept sealed and never shown.",
    fields=fields_of(SecretShape, ""),
    conceal=conceal_secret,
)

CONFIG_MAP = Kind(
    kind="ConfigMap",
    plural="configmaps",
    api_versions=("v1",),
    admit=admit_config_map,
    short_names=("cm",),
    columns=(
        Column("Values", lambda resource: str(sum(len(resource.spec.get(key, ())) for key in ("data", "binaryData")))),
        Column("Created", lambda resource: resource.created),
    ),
    description="Values that are not secret.",
    fields=fields_of(ConfigMapShape, ""),
)

KINDS = (APPLICATION, SECRET, CONFIG_MAP)
