"""References inside one document: following them, and bundling a schema with all it refers to.

Pure. Nothing outside of the document is ever read: a reference to elsewhere is refused, for whoever evaluates the
schema later would fetch it. Bundling copies each referenced schema once into `$defs`, so cycles and repeated
references cost nothing, where inlining would never end or explode.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from hub.kernel.errors import InvalidField

DEPTH_LIMIT = 100
"""Nesting above which a document is refused; what reads and writes JSON later gives up at about twice this depth."""

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The JSON Schema dialect that AsyncAPI's own schema object extends; taken for schemas that do not name theirs."""

_DIALECTS = frozenset({
    "http://json-schema.org/draft-04/schema", "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema", "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
})  # fmt: skip

# Below these keywords stand names, not keywords.
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
# Values, not schemas: what looks like a reference there is somebody's data.
_VERBATIM = frozenset({"const", "enum", "default", "example", "examples"})
# A schema's own base address or dialect would give its references another meaning than the document's.
_DROPPED = frozenset({"$id", "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor"})
_POINTING = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})


def check_depth(document: Any) -> None:
    """Refuse a document that is nested too deeply to be walked.

    Raises:
        InvalidField: it is.
    """
    level: list[Any] = [document]
    for _ in range(DEPTH_LIMIT):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise InvalidField(f"The specification is nested deeper than {DEPTH_LIMIT} levels; flatten it.", field="/")


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, Mapping):
        return node.values()
    return node if isinstance(node, list) else ()


def follow(document: Mapping[str, Any], node: Any, path: str) -> Any:
    """Return what a node stands for: itself, or what its reference leads to, however many steps away.

    Raises:
        InvalidField: the reference leads nowhere, outside, or back to itself; `path` says where it stands.
    """
    seen: set[str] = set()
    while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        if reference in seen:
            raise InvalidField(f"The reference '{reference}' at {path} leads back to itself.", field=path)
        seen.add(reference)
        node = resolve(document, reference, path)
    return node


def resolve(document: Mapping[str, Any], reference: str, path: str) -> Any:
    """Return what one reference points at.

    Raises:
        InvalidField: the reference leads nowhere or outside.
    """
    if reference == "#":
        return document
    if not reference.startswith("#/"):
        raise InvalidField(
            f"The reference '{reference}' at {path} does not lead into the document ('#/…'); put what it means there.",
            field=path,
        )
    node: Any = document
    for part in unquote(reference[2:]).split("/"):
        node = _step(node, part.replace("~1", "/").replace("~0", "~"), reference, path)
    return node


def _step(node: Any, part: str, reference: str, path: str) -> Any:
    if isinstance(node, Mapping) and part in node:
        return node[part]
    if isinstance(node, list) and part.isdecimal() and part.isascii() and len(part) < 10 and int(part) < len(node):
        return node[int(part)]
    raise InvalidField(f"The reference '{reference}' at {path} leads nowhere; '{part}' is not there.", field=path)


def bundle(document: Mapping[str, Any], schema: Any, path: str) -> Any:
    """Return a schema that stands alone: all it refers to, directly or not, is in its `$defs`.

    Args:
        document: what references are resolved in.
        schema: a schema object or boolean; anything else is returned as it is, for the schema check to refuse.
        path: where it stands, for the text of a refusal.

    Raises:
        InvalidField: a reference leads nowhere, outside, or back to itself.
    """
    root = follow(document, schema, path)
    if not isinstance(root, Mapping):
        return root
    return _Bundle(document, path).of(root)


def _dialect_of(schema: Mapping[str, Any]) -> str:
    named = schema.get("$schema")
    return named if isinstance(named, str) and named.removesuffix("#") in _DIALECTS else DIALECT


class _Bundle:
    """One bundling: which references were met, and under which name each is kept."""

    def __init__(self, document: Mapping[str, Any], path: str) -> None:
        self._document = document
        self._path = path
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []

    def of(self, root: Mapping[str, Any]) -> dict[str, Any]:
        own = root.get("$defs")
        taken = set(own) if isinstance(own, Mapping) else set()
        bundled = self._schema(root)
        definitions: dict[str, Any] = {}
        while self._waiting:
            reference = self._waiting.pop()
            target = follow(self._document, {"$ref": reference}, self._path)
            definitions[self._names[reference]] = self._schema(target)
        return {"$schema": _dialect_of(root), **self._joined(bundled, definitions, taken)}

    def _joined(self, bundled: dict[str, Any], definitions: dict[str, Any], taken: set[str]) -> dict[str, Any]:
        if not definitions:
            return bundled
        own = bundled.get("$defs", {})
        if taken & definitions.keys():  # the payload has definitions of its own under the bundle's names
            raise InvalidField(
                f"The schema at {self._path} has '$defs' named as the bundled ones ('ref0', 'ref1', …); rename them.",
                field=self._path,
            )
        return bundled | {"$defs": {**own, **definitions}}

    def _schema(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._schema(item) for item in node]
        if not isinstance(node, Mapping):
            return node
        return {key: self._keyword(key, value) for key, value in node.items() if key not in _DROPPED}

    def _keyword(self, key: str, value: Any) -> Any:
        if key in _VERBATIM or key.startswith("x-"):
            return value
        if key in _POINTING and isinstance(value, str):
            return self._reference(value)
        if key in _NAMED and isinstance(value, Mapping):
            return {name: self._schema(child) for name, child in value.items()}
        return self._schema(value)

    def _reference(self, reference: str) -> str:
        resolve(self._document, reference, self._path)
        if reference not in self._names:
            self._names[reference] = f"ref{len(self._names)}"
            self._waiting.append(reference)
        return f"#/$defs/{self._names[reference]}"
