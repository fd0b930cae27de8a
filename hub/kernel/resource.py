"""Declarative objects: apiVersion, kind, metadata, spec, status - as Kubernetes writes them, kept in buckets.

A `Kind` says which documents a room takes and how it judges them; `Resource` is one such document after the parts
that every kind shares were read. What cannot be read is refused with the path of the field.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from hub.kernel.errors import InvalidField, MissingField
from hub.kernel.state import Codec

CLUSTER = "cluster"
"""Scope of kinds that belong to no namespace."""
DEFAULT_SCOPE = "default"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_LIMIT = 253
_METADATA = {
    "name", "namespace", "labels", "annotations", "uid", "generation", "resourceVersion", "creationTimestamp",
    "finalizers", "managedFields", "ownerReferences", "selfLink", "generateName", "deletionTimestamp",
    "deletionGracePeriodSeconds",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resource:
    """One declarative object."""

    api_version: str
    kind: str
    name: str
    scope: str
    spec: dict[str, Any]
    status: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    uid: str = ""
    generation: int = 0
    created: str = ""
    revision: int = 0

    @property
    def key(self) -> str:
        """Return the key in the bucket of its kind: `<scope>.<name>`."""
        return resource_key(self.scope, self.name)

    def with_status(self, status: dict[str, Any]) -> "Resource":
        """Return the same object with another status."""
        return replace(self, status=status)

    def to_document(self) -> dict[str, Any]:
        """Return the object as a Kubernetes document."""
        metadata: dict[str, Any] = {"name": self.name}
        if self.scope != CLUSTER:
            metadata["namespace"] = self.scope
        optional = {
            "labels": self.labels,
            "annotations": self.annotations,
            "uid": self.uid,
            "generation": self.generation,
            "creationTimestamp": self.created,
            "resourceVersion": str(self.revision) if self.revision else "",
        }
        metadata |= {name: value for name, value in optional.items() if value}
        document = {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": self.spec}
        return document | ({"status": self.status} if self.status else {})

    @classmethod
    def from_document(cls, document: Any, *, default_scope: str = DEFAULT_SCOPE, scoped: bool = True) -> "Resource":
        """Read the parts that every kind shares; the spec is judged by the kind.

        Kinds without `spec` (Secret, ConfigMap) keep their own top-level fields as the spec.

        Raises:
            InvalidField, MissingField: with the path of the field.
        """
        top = need_map(document, "")
        metadata = need_map(top.get("metadata"), "metadata")
        refuse_unknown(metadata, _METADATA, "metadata")
        scope = str(metadata.get("namespace") or default_scope) if scoped else CLUSTER
        known = {"apiVersion", "kind", "metadata", "spec", "status"}
        if "spec" in top:
            refuse_unknown(top, known, "")
            spec = need_map(top["spec"], "spec")
        else:
            spec = {name: value for name, value in top.items() if name not in known}
        return cls(
            api_version=need_text(top.get("apiVersion"), "apiVersion"),
            kind=need_text(top.get("kind"), "kind"),
            name=need_name(metadata.get("name"), "metadata.name"),
            scope=need_name(scope, "metadata.namespace"),
            spec=spec,
            labels=text_map(metadata.get("labels"), "metadata.labels"),
            annotations=text_map(metadata.get("annotations"), "metadata.annotations"),
            revision=_revision(metadata.get("resourceVersion")),
        )


def _revision(value: Any) -> int:
    """Return the revision that a document was read at; 0 when it does not say."""
    if value in (None, ""):
        return 0
    if not str(value).isascii() or not str(value).isdigit():
        raise InvalidField("metadata.resourceVersion is no revision; leave it out.", field="metadata.resourceVersion")
    return int(value)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `hub get`: its title and how to fill it."""

    title: str
    fill: Callable[[Resource], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource and the judgement of the room that owns it."""

    kind: str
    plural: str
    api_versions: tuple[str, ...]
    """The first is the one it is stored as; the others are converted by `admit`."""
    admit: Callable[[Resource, Resource | None], Resource]
    """Pure: the new object and the stored one → the object to store; raises with the path of the field."""
    scoped: bool = True
    short_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    description: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Path → meaning, for `hub explain`."""
    conceal: Callable[[Resource], Resource] | None = None
    """Removes what must not be shown to anyone; applied before an object leaves the owner."""

    def answers_to(self, word: str) -> bool:
        """Say whether a person means this kind: kind, plural or short name, in any case."""
        return word.lower() in {self.kind.lower(), self.plural, *self.short_names}


def resource_key(scope: str, name: str) -> str:
    """Return the bucket key of a resource; dots in the name become slashes, so that the scope can be read back."""
    return f"{scope}.{name.replace('.', '/')}"


def need_map(value: Any, path: str) -> dict[str, Any]:
    """Return a mapping with text keys, or refuse with the path."""
    if value is None:
        raise MissingField(f"{path or 'the document'} is missing.", field=path)
    if not isinstance(value, dict):
        raise InvalidField(f"{path or 'the document'} must be a map, not {_named(value)}.", field=path)
    for key in value:
        if not isinstance(key, str):
            raise InvalidField(f"{path or 'the document'} has the key {key!r}, which is not text.", field=path)
    return value


def need_text(value: Any, path: str) -> str:
    """Return a non-empty text, or refuse with the path."""
    if value is None or value == "":
        raise MissingField(f"{path} is missing.", field=path)
    if not isinstance(value, str):
        raise InvalidField(f"{path} must be text, not {_named(value)}.", field=path)
    return value


def need_name(value: Any, path: str) -> str:
    """Return a name of lower-case letters, digits, `-` and `.` (a DNS-1123 subdomain), or refuse with the path."""
    name = need_text(value, path)
    if len(name) > _NAME_LIMIT or not _NAME.fullmatch(name) or ".." in name:
        raise InvalidField(
            f"{path} '{name[:80]}' is not a name: use lower-case letters, digits, '-' and '.', beginning and ending"
            " with a letter or digit.",
            field=path,
        )
    return name


def text_map(value: Any, path: str) -> dict[str, str]:
    """Return a map of text to text (absent: empty), or refuse with the path."""
    if value is None:
        return {}
    entries = need_map(value, path)
    for key, text in entries.items():
        if not isinstance(text, str):
            raise InvalidField(f"{path}.{key} must be text, not {_named(text)}.", field=f"{path}.{key}")
    return dict(entries)


def refuse_unknown(given: Mapping[str, Any], known: set[str] | frozenset[str], path: str) -> None:
    """Refuse a field that the kind does not have, naming its path."""
    for name in given:
        if name not in known:
            full = f"{path}.{name}" if path else name
            raise InvalidField(f"{full} is not a field of this kind; correct or remove it.", field=full)


def _named(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a map"}
    return names.get(type(value), type(value).__name__)


def _encode(resource: Resource) -> bytes:
    return orjson.dumps(replace(resource, revision=0).to_document())


def _decode(raw: bytes, revision: int) -> Resource:
    document = orjson.loads(raw)
    metadata = document["metadata"]
    return Resource(
        api_version=document["apiVersion"],
        kind=document["kind"],
        name=metadata["name"],
        scope=metadata.get("namespace", CLUSTER),
        spec=document["spec"],
        status=document.get("status", {}),
        labels=metadata.get("labels", {}),
        annotations=metadata.get("annotations", {}),
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 0),
        created=metadata.get("creationTimestamp", ""),
        revision=revision,
    )


RESOURCES: Codec[Resource] = Codec(_encode, _decode)
"""How resources are kept in their buckets: the document itself."""
