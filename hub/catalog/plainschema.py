"""Plain JSON Schema as a specification: one schema is one event type, `x-event-types` names several. Pure.

A schema has no place for the name of an event type: it is `x-event-type`, or the last part of `$id`, or the title.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hub.catalog.generations import Node, Offer, needed, pointer
from hub.catalog.references import follow
from hub.kernel.errors import InvalidField, MissingField

NAME, NAMES = "x-event-type", "x-event-types"
_OWN = frozenset({NAME, NAMES, "x-owner", "x-payload-check"})
_ENDINGS = (".schema.json", ".json", ".schema")
_TITLE = re.compile(r"[\w-]+(\.[\w-]+)+")


def schemas(root: Node) -> Iterator[Offer]:
    """Return what a JSON Schema offers.

    Raises:
        MissingField, InvalidField: its event type has no name, or `x-event-types` is no map of schemas.
    """
    if NAMES not in root:
        yield _offer(_name(root), "", {key: value for key, value in root.items() if key not in _OWN}, root)
        return
    for name, schema in needed(root[NAMES], f"/{NAMES}").items():
        path = f"/{NAMES}/{pointer(name)}"
        yield _offer(name, path, schema, root)


def _offer(name: str, path: str, schema: Any, root: Node) -> Offer:
    described = follow(root, schema, path)
    node = described if isinstance(described, Mapping) else {}
    examples = node.get("examples")
    message: dict[str, Any] = {key: node[key] for key in ("x-owner", "x-payload-check") if key in node}
    message["payload"] = schema
    message["summary"] = next((node[key] for key in ("description", "title") if isinstance(node.get(key), str)), "")
    message["examples"] = [{"payload": each} for each in examples] if isinstance(examples, list) else []
    return Offer(name, path or "/", (message,), (root,))


def _name(root: Node) -> str:
    given = root.get(NAME)
    if given is not None:
        if isinstance(given, str):
            return given
        raise InvalidField(f"'{NAME}' of the JSON Schema is not text.", field=f"/{NAME}")
    identifier, title = root.get("$id"), root.get("title")
    if isinstance(identifier, str) and (last := _last_part(identifier)):
        return last
    if isinstance(title, str) and _TITLE.fullmatch(title):
        return title
    raise MissingField(
        f"The JSON Schema does not say which event type it describes; add '{NAME}', such as order.created.v1.",
        field=f"/{NAME}",
    )


def _last_part(identifier: str) -> str:
    last = re.split(r"[/:]", identifier.partition("#")[0].rstrip("/"))[-1]
    return next((last.removesuffix(ending) for ending in _ENDINGS if last.endswith(ending)), last)
