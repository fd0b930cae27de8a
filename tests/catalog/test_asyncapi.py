"""Event types from AsyncAPI documents of the three generations, and what is refused."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contracts import CONTRACTS, products
from hub.catalog.asyncapi import parse, read
from hub.catalog.model import EventType
from hub.kernel.errors import InvalidField, InvalidInput, MissingField

SCHEMA = {"type": "object", "required": ["code"]}
DRAFT7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
SAMPLE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "samples" / "schools-events.asyncapi.json"
ORDER = EventType("order.created.v1", "order.created", "v1", "An order", DRAFT7 | SCHEMA, ({"code": "1"},), "reject")


def v1(topics: Any, **more: Any) -> dict[str, Any]:
    return {"asyncapi": "1.0.0", "topics": topics, **more}


def v2(channels: Any, **more: Any) -> dict[str, Any]:
    return {"asyncapi": "2.6.0", "channels": channels, **more}


def v3(channels: Any, operations: Any = None, **more: Any) -> dict[str, Any]:
    return {"asyncapi": "3.0.0", "channels": channels, "operations": operations or {}, **more}


def types_of(document: Any) -> list[str]:
    return [event_type.type for event_type in parse(document)]


def payload_of(schema: Any, **more: Any) -> Any:
    """Return the schema that the catalog keeps of one payload."""
    return parse(v1({"a.v1": {"subscribe": {"payload": schema}}}, **more))[0].schema


def test_a_document_of_the_first_generation_offers_its_topics() -> None:
    """Kyma's early clients register topics; the message stands below `subscribe`, an example beside it."""
    topic = {"subscribe": {"summary": "An order", "payload": SCHEMA}, "example": {"code": "1"}}
    assert parse(v1({"order.created.v1": topic | {"x-payload-check": "reject"}})) == [ORDER]


def test_a_document_of_the_second_generation_offers_its_channels() -> None:
    """Slashes in a channel's name are read as dots; the message is what the operation has."""
    message = {"summary": "An order", "payload": SCHEMA, "examples": [{"payload": {"code": "1"}}, {"name": "none"}]}
    channel = {"subscribe": {"message": message, "x-payload-check": "reject"}, "publish": {"message": {}}}
    assert parse(v2({"order/created/v1": channel})) == [ORDER]


def test_a_document_of_the_third_generation_offers_what_it_sends() -> None:
    """Operations say what is sent, channels where, messages what; all by reference."""
    document = v3(
        {
            "orders": {"address": "/order/created/v1", "messages": {"created": {"$ref": "#/components/messages/m"}}},
            "received": {"address": "order.received.v1", "messages": {"m": {"$ref": "#/components/messages/m"}}},
        },
        {
            "send": {
                "action": "send",
                "channel": {"$ref": "#/channels/orders"},
                "messages": [{"$ref": "#/channels/orders/messages/created"}],
            },
            "receive": {"action": "receive", "channel": {"$ref": "#/channels/received"}},
        },
        components={
            "messages": {"m": {"summary": "An order", "payload": SCHEMA, "examples": [{"payload": {"code": "1"}}]}}
        },
    )
    document["channels"]["orders"]["x-payload-check"] = "reject"
    assert parse(document) == [ORDER]


def test_without_operations_every_channel_of_the_third_generation_is_offered() -> None:
    """Operations are optional; a channel without an address goes by its key."""
    assert types_of(v3({"a.v1": {"messages": {"m": {}}}, "b": {"address": None}})) == ["a.v1", "b"]


def test_several_named_messages_on_one_channel_are_event_types_of_their_own() -> None:
    """A channel that carries several kinds of events is a road, not an event type."""
    named = [{"name": "order.created.v1"}, {"name": "order.paid.v1"}]
    second = v2({"orders": {"subscribe": {"message": {"oneOf": named}}}})
    third = v3({"orders": {"messages": {"order.created.v1": {}, "second": {"name": "order.paid.v1"}}}})
    assert [types_of(second), types_of(third)] == [["order.created.v1", "order.paid.v1"]] * 2


def test_an_operation_sends_only_the_messages_it_lists() -> None:
    """What a channel could carry is not what this Application sends."""
    channels: Any = {"orders": {"messages": {"a.v1": {}, "b.v1": {}, "c.v1": {}}}}
    listed = [{"$ref": "#/channels/orders/messages/a.v1"}, {"$ref": "#/channels/orders/messages/c.v1"}]
    send = {"action": "send", "channel": {"$ref": "#/channels/orders"}}
    assert types_of(v3(channels, {"o": send | {"messages": listed}})) == ["a.v1", "c.v1"]
    assert types_of(v3(channels, {"o": send})) == ["a.v1", "b.v1", "c.v1"]


def test_unnamed_alternatives_share_the_channels_event_type() -> None:
    """Data fits when it fits one of the alternatives."""
    messages = [{"payload": {"type": "string"}}, {"payload": {"type": "integer"}}]
    (found,) = parse(v2({"a.v1": {"subscribe": {"message": {"oneOf": messages}}}}))
    assert found.schema == DRAFT7 | {"anyOf": [{"type": "string"}, {"type": "integer"}]}


def test_an_alternative_without_schema_leaves_the_event_type_without_one() -> None:
    """Where anything may come there is nothing to check."""
    messages = [{"payload": {"type": "string"}}, {}]
    assert parse(v2({"a.v1": {"subscribe": {"message": {"oneOf": messages}}}}))[0].schema is None


def test_channels_that_nobody_may_subscribe_to_are_not_offered() -> None:
    """Only what the Application sends is in its catalog."""
    documents = [v1({"a.v1": {"publish": {}}}), v2({"a.v1": {"publish": {}}}), v1({}), {"asyncapi": "2.0.0"}]
    assert [types_of(document) for document in documents] == [[], [], [], []]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("order.created.v1", ("order.created.v1", "order.created", "v1")),
        ("example/events/com/exampleEvent/v1", ("example.events.com.exampleEvent.v1", "example.events.com.exampleEvent",
                                                "v1")),
        ("sell", ("sell", "sell", "")),
    ],
)
def test_the_last_dot_splits_type_and_version(key: str, expected: tuple[str, str, str]) -> None:
    """Legacy clients spell type and version apart; no dot means no version."""
    (found,) = parse(v1({key: {"subscribe": {}}}))
    assert (found.type, found.name, found.version) == expected


def test_a_missing_summary_is_empty() -> None:
    """Texts are optional."""
    (found,) = parse(v1({"a.v1": {"subscribe": {"summary": None}}}))
    assert (found.summary, found.schema, found.examples, found.payload_check) == ("", None, (), None)


def test_the_nearest_payload_check_counts() -> None:
    """A document sets the rule, a channel or message the exception; YAML's bare `off` arrives as false."""
    topics = {"a": {"subscribe": {}}, "b": {"subscribe": {}, "x-payload-check": "warn"},
              "c": {"subscribe": {"x-payload-check": False}, "x-payload-check": "warn"}}
    checks = [event_type.payload_check for event_type in parse(v1(topics, **{"x-payload-check": "reject"}))]
    assert checks == ["reject", "warn", "off"]


def test_a_schema_is_kept_with_all_it_refers_to() -> None:
    """Whoever checks data needs the entry only, not the document; cycles and repeats are fine."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}, "required": ["id"]}
    schema = payload_of({"$ref": "#/components/schemas/Node"}, components={"schemas": {"Node": node}})
    validator = jsonschema_rs.validator_for(schema)
    assert validator.is_valid({"id": 1, "next": {"id": 2}})
    assert not validator.is_valid({"id": 1, "next": {"next": {}}})


def test_what_looks_like_a_reference_in_values_and_names_is_left_alone() -> None:
    """Examples, defaults and property names are the Application's own."""
    schema = {
        "properties": {"$ref": {"type": "string"}, "const": {"$ref": "#/components/schemas/Text"}},
        "default": {"$ref": "http://example.test"},
        "x-note": {"$ref": "nowhere"},
    }
    kept = payload_of(schema, components={"schemas": {"Text": {"type": "string"}}})
    validator = jsonschema_rs.validator_for(kept)
    assert validator.is_valid({"$ref": "text", "const": "text"})
    assert not validator.is_valid({"const": 1})
    assert kept["default"] == {"$ref": "http://example.test"}


def test_a_schema_may_name_its_own_dialect_but_not_its_own_address() -> None:
    """An address of its own would send references elsewhere; a well-known dialect is kept."""
    later = "https://json-schema.org/draft/2020-12/schema"
    assert payload_of({"$schema": later, "$id": "http://example.test/a", "type": "string"}) == {
        "$schema": later, "type": "string"
    }
    assert payload_of({"$schema": "http://example.test/mine"}) == DRAFT7


def test_data_in_other_schema_languages_is_not_checked() -> None:
    """Avro and its like are listed without a schema; JSON Schema by any of its names is kept."""
    avro = {"schemaFormat": "application/vnd.apache.avro+json;version=1.9.0", "payload": {"type": "record"}}
    json_schema = {"schemaFormat": "application/schema+json;version=draft-07", "schema": SCHEMA}
    document = v3({"a.v1": {"messages": {"m": avro}}, "b.v1": {"messages": {"m": {"payload": json_schema}}}})
    assert [event_type.schema for event_type in parse(document)] == [None, DRAFT7 | SCHEMA]


CYCLE = {"a": {"$ref": "#/components/schemas/b"}, "b": {"$ref": "#/components/schemas/a"}}
REFUSED: list[tuple[str, Any, type[InvalidInput], str]] = [
    ("no object", [], InvalidInput, "not a JSON object"),
    ("no version", {}, MissingField, "add 'asyncapi'"),
    ("unknown version", {"asyncapi": "4.0.0"}, InvalidField, "use 1.x, 2.x or 3.x"),
    ("version as number", {"asyncapi": 2.0}, InvalidField, "use 1.x, 2.x or 3.x"),
    ("topics as list", v1(["a.v1"]), InvalidField, "/topics of"),
    ("topic as text", v1({"a/b": "x"}), InvalidField, "/topics/a~1b of"),
    ("subscribe as text", v1({"a": {"subscribe": "x"}}), InvalidField, "/topics/a/subscribe of"),
    ("message as list", v2({"a": {"subscribe": {"message": []}}}), InvalidField, "/channels/a/subscribe/message of"),
    ("action unknown", v3({}, {"o": {"action": "shout"}}), InvalidField, "/operations/o/action of"),
    ("empty name", v1({"/": {"subscribe": {}}}), InvalidField, "is empty"),
    ("long name", v1({"ä" * 300: {"subscribe": {}}}), InvalidField, "longer than 512 bytes"),
    ("twice", v1({"a/v1": {"subscribe": {}}, "a.v1": {"subscribe": {}}}), InvalidField, "offers 'a.v1' twice"),
    ("check unknown", v1({"a": {"subscribe": {}, "x-payload-check": 1}}), InvalidField, "none of off, warn, quar"),
    ("no schema", v1({"a": {"subscribe": {"payload": {"type": 5}}}}), InvalidField, "'a' is no JSON Schema"),
    ("schema as text", v1({"a": {"subscribe": {"payload": "x"}}}), InvalidField, "'a' is no JSON Schema"),
    ("dangling", v1({"a": {"subscribe": {"$ref": "#/components/b/0"}}}), InvalidField, "'components' is not there"),
    ("outside", v1({"a": {"subscribe": {"payload": {"$ref": "http://[::1]/a"}}}}), InvalidField, "does not lead into"),
    ("inner outside", v1({"a": {"subscribe": {"payload": {"not": {"$ref": "file:///etc/hostname"}}}}}), InvalidField,
     "does not lead into"),
    ("cycle", v1({"a": {"subscribe": {"payload": {"not": {"$ref": "#/components/schemas/a"}}}}},
                 components={"schemas": CYCLE}), InvalidField, "leads back to itself"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "kind", "text"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_cannot_be_read_is_refused_by_its_place(document: Any, kind: type[InvalidInput], text: str) -> None:
    """The solution's developer learns what to correct."""
    with pytest.raises(kind, match=text.replace("(", "\\(")) as caught:
        parse(document)
    assert type(caught.value) is kind


def test_a_document_nested_too_deeply_is_refused() -> None:
    """Nobody's stack overflows because of a registered document."""
    deep: Any = {}
    for _ in range(5000):
        deep = {"not": deep}
    with pytest.raises(InvalidField, match="deeper than 100 levels"):
        payload_of(deep)


def test_a_schema_above_the_limit_is_refused() -> None:
    """An entry must fit into the event store."""
    with pytest.raises(InvalidField, match="larger than 1024 bytes"):
        parse(v1({"a": {"subscribe": {"payload": {"title": "x" * 1024}}}}), schema_limit_bytes=1024)


def test_many_copies_of_a_large_schema_are_refused() -> None:
    """A small document cannot fill the event store by repeating a reference."""
    topics = {f"a.v{number}": {"subscribe": {"payload": {"$ref": "#/big"}}} for number in range(100)}
    with pytest.raises(InvalidInput, match="too large in total"):
        parse(v1(topics, big={"title": "x" * 200_000}))


def test_a_stored_document_that_is_no_json_is_refused() -> None:
    """The object store holds whatever was registered."""
    with pytest.raises(InvalidInput, match="is not JSON"):
        read(b"asyncapi: 2.0.0")


def test_the_hubs_own_contracts_can_be_registered() -> None:
    """The hub reads the document it publishes about itself."""
    assert types_of(json.loads((products.ROOT / "asyncapi.json").read_text())) == sorted(CONTRACTS)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample documents of others are not here")
def test_a_document_of_a_real_mock_solution_is_read() -> None:
    """What clients register in practice works."""
    found = read(SAMPLE.read_bytes())
    assert [(each.name, each.version, each.summary) for each in found] == [
        ("school.created", "v1", "School creation event"), ("school.closed", "v1", "School closed event")
    ]
    assert found[0].schema is not None
    assert not jsonschema_rs.validator_for(found[0].schema).is_valid({})
