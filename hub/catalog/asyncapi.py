"""Specifications → event types. Pure and total: any JSON gives event types or a refusal that names the place.

AsyncAPI 1.x to 3.x, and plain JSON Schema. The name of the channel is the event type: every `/` is read as `.`, the
last dot splits type and version.

Source: Kyma's console back end reads event catalogs this way; 3.x, JSON Schema and the extensions are ours.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jsonschema_rs
import orjson

from hub.catalog import plainschema
from hub.catalog.generations import Node, Offer, channels, operations, topics
from hub.catalog.model import EventType, PayloadCheck
from hub.catalog.references import bundle, check_depth, follow
from hub.kernel.errors import InvalidField, InvalidInput, MissingField

GENERATIONS: dict[str, Callable[[Node], Iterator[Offer]]] = {"1": topics, "2": channels, "3": operations}

SCHEMA_LIMIT_BYTES = 262_144
DOCUMENT_LIMIT_BYTES = 16 * 1024 * 1024
TYPES_LIMIT = 10_000
# Each event type carries its own copy of what its schema refers to: a small document can ask for a lot of them.
_TOTAL_LIMIT_BYTES = 16 * 1024 * 1024
_TYPE_LIMIT_BYTES = 512
_EXAMPLES_LIMIT_BYTES = 65_536
_EXTENSION = "x-payload-check"
# YAML 1.1 reads a bare `off` as false.
_CHECKS: dict[Any, PayloadCheck] = {
    "off": "off", False: "off", "warn": "warn", "quarantine": "quarantine", "reject": "reject"
}  # fmt: skip
_JSON_SCHEMA = ("application/vnd.aai.asyncapi", "application/schema+json", "application/schema+yaml")


def read(raw: bytes, *, schema_limit_bytes: int = SCHEMA_LIMIT_BYTES) -> list[EventType]:
    """Return the event types of a stored document.

    Raises:
        InvalidInput: it is too large, not JSON, or `parse` refuses it.
    """
    if len(raw) > DOCUMENT_LIMIT_BYTES:
        raise InvalidInput(f"The specification is larger than {DOCUMENT_LIMIT_BYTES} bytes; split it.")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The specification is not JSON: {error}.") from error
    return parse(document, schema_limit_bytes=schema_limit_bytes)


def parse(document: Any, *, schema_limit_bytes: int = SCHEMA_LIMIT_BYTES) -> list[EventType]:
    """Return the event types that an AsyncAPI 1.x, 2.x or 3.x document or a JSON Schema offers, in its order.

    Args:
        document: any JSON value.
        schema_limit_bytes: largest schema of one event type, with all it refers to.

    Raises:
        InvalidInput: the document cannot be read; the text and `field` say where.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("The specification is not a JSON object.")
    check_depth(document)
    found: dict[str, EventType] = {}
    room_left = _TOTAL_LIMIT_BYTES
    for offer in _generation_of(document)(document):
        event_type, size = _event_type(document, offer, schema_limit_bytes)
        room_left -= size
        if room_left < 0:
            raise InvalidInput("The schemas of the specification are too large in total; split the document.")
        if event_type.type in found:
            raise InvalidField(f"The specification offers '{event_type.type}' twice.", field=offer.path)
        if len(found) == TYPES_LIMIT:
            raise InvalidInput(f"The specification offers more than {TYPES_LIMIT} event types; split the document.")
        found[event_type.type] = event_type
    return list(found.values())


def _generation_of(document: Node) -> Callable[[Node], Iterator[Offer]]:
    version = document.get("asyncapi")
    if version is None and "$schema" in document:
        return plainschema.schemas
    if version is None:
        raise MissingField(
            "The specification is neither AsyncAPI nor JSON Schema; add 'asyncapi' or '$schema'.", field="/asyncapi"
        )
    generation = GENERATIONS.get(version.partition(".")[0]) if isinstance(version, str) else None
    if generation is None:
        raise InvalidField("The AsyncAPI version is not supported; use 1.x, 2.x or 3.x.", field="/asyncapi")
    return generation


def _event_type(document: Node, offer: Offer, limit: int) -> tuple[EventType, int]:
    full = offer.key.strip("/").replace("/", ".")
    if not full or len(full.encode(errors="replace")) > _TYPE_LIMIT_BYTES:
        raise InvalidField(
            f"The event type at {offer.path} is empty or longer than {_TYPE_LIMIT_BYTES} bytes.", field=offer.path
        )
    before, dot, after = full.rpartition(".")
    schema = _schema(document, offer)
    size = _size_of(schema, offer.path)
    if size > limit:
        raise InvalidField(f"The schema of '{full}' is larger than {limit} bytes; make it smaller.", field=offer.path)
    event_type = EventType(
        type=full,
        name=before if dot else full,
        version=after if dot else "",
        summary=_summary(offer),
        schema=schema,
        examples=_examples(offer),
        payload_check=_payload_check(offer),
        owner=_owner(document, offer),
        spec_version=_text(_info(document), "version"),
    )
    return event_type, size


def _schema(document: Node, offer: Offer) -> Any:
    schemas = [_payload(document, message, offer.path) for message in offer.messages]
    if not schemas or any(schema is None for schema in schemas):
        return None
    combined = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    schema = bundle(document, combined, f"{offer.path} (payload)")
    _check_schema(schema, offer)
    return schema


def _payload(document: Node, message: Node, path: str) -> Any:
    payload = follow(document, message.get("payload"), f"{path} (payload)")
    form = message.get("schemaFormat")
    if isinstance(payload, Mapping) and "schemaFormat" in payload and "schema" in payload:  # 3.x, any format
        form, payload = payload["schemaFormat"], payload["schema"]
    if form is None:
        return payload
    # Avro, Protobuf and others describe data that the hub does not look into.
    return payload if isinstance(form, str) and form.lower().startswith(_JSON_SCHEMA) else None


def _check_schema(schema: Any, offer: Offer) -> None:
    try:
        jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
        reason = str(getattr(error, "message", error)).split("\n")[0][:200]
        raise InvalidField(f"The payload of '{offer.key}' is no JSON Schema: {reason}.", field=offer.path) from error


def _refuse(address: str) -> Any:
    raise ValueError(f"'{address}' is outside of the document")


def _size_of(schema: Any, path: str) -> int:
    try:
        return len(orjson.dumps(schema))
    except TypeError as error:
        raise InvalidField(f"The payload at {path} cannot be written as JSON: {error}.", field=path) from error


def _summary(offer: Offer) -> str:
    nodes = [*offer.messages[:1], *offer.around[:-1]]
    return next((node["summary"] for node in nodes if isinstance(node.get("summary"), str)), "")


def _owner(document: Node, offer: Offer) -> str:
    """Return the nearest `x-owner`, or whom the document names as its contact."""
    named = next((node["x-owner"] for node in (*offer.messages, *offer.around) if _text(node, "x-owner")), "")
    contact = _info(document).get("contact")
    if named or not isinstance(contact, Mapping):
        return str(named)
    return next((_text(contact, name) for name in ("name", "email", "url") if _text(contact, name)), "")


def _info(document: Node) -> Node:
    info = document.get("info")
    return info if isinstance(info, Mapping) else {}


def _text(node: Node, name: str) -> str:
    value = node.get(name)
    return value if isinstance(value, str) else ""


def _examples(offer: Offer) -> tuple[Any, ...]:
    kept: list[Any] = []
    room_left = _EXAMPLES_LIMIT_BYTES
    for example in _examples_in([*offer.messages, *offer.around[:-1]]):
        try:
            room_left -= len(orjson.dumps(example))
        except TypeError:
            continue
        if room_left < 0:
            break
        kept.append(example)
    return tuple(kept)


def _examples_in(nodes: Iterable[Node]) -> Iterator[Any]:
    for node in nodes:
        listed = node.get("examples")
        for example in listed if isinstance(listed, list) else []:
            if not isinstance(example, Mapping):
                yield example
            elif "payload" in example:
                yield example["payload"]
        if "example" in node:
            yield node["example"]


def _payload_check(offer: Offer) -> PayloadCheck | None:
    for node in (*offer.messages, *offer.around):
        if _EXTENSION in node:
            value = node[_EXTENSION]
            check = _CHECKS.get(value) if isinstance(value, str | bool) else None
            if check is None:
                raise InvalidField(
                    f"'{_EXTENSION}' of '{offer.key}' is none of off, warn, quarantine, reject.",
                    field=f"{offer.path}/{_EXTENSION}",
                )
            return check
    return None
