"""Plain JSON Schema as a specification, and what every kind of specification says besides schemas."""

from typing import Any

import jsonschema_rs
import pytest

from hub.catalog.asyncapi import DOCUMENT_LIMIT_BYTES, TYPES_LIMIT, parse, read
from hub.kernel.errors import InvalidField, InvalidInput, MissingField

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(**more: Any) -> dict[str, Any]:
    return {"$schema": DIALECT, "type": "object", **more}


@pytest.mark.parametrize(
    ("more", "event_type"),
    [
        ({"x-event-type": "order.created.v1", "$id": "urn:other", "title": "other.v1"}, "order.created.v1"),
        ({"$id": "https://shop.example/schemas/order.created.v1.json"}, "order.created.v1"),
        ({"$id": "https://shop.example/order.created.v1.schema.json#"}, "order.created.v1"),
        ({"$id": "urn:shop:order.created.v1"}, "order.created.v1"),
        ({"title": "order.created.v1"}, "order.created.v1"),
    ],
    ids=["named", "address", "ending", "URN", "title"],
)
def test_a_schema_is_one_event_type(more: dict[str, Any], event_type: str) -> None:
    """The name is where people put it; the last dot splits name and version."""
    (found,) = parse(schema(**more))
    assert (found.type, found.name, found.version) == (event_type, "order.created", "v1")


def test_what_a_schema_says_is_kept() -> None:
    """Text, examples, owner and check; what is only for the hub is not part of the schema."""
    given = {"x-event-type": "a.v1", "x-owner": "Sales", "x-payload-check": "quarantine", "description": "About a",
             "examples": [{"id": 1}, 5]}  # fmt: skip
    (found,) = parse(schema(**given))
    assert (found.owner, found.payload_check, found.summary, found.examples) == (
        "Sales", "quarantine", "About a", ({"id": 1}, 5)
    )
    assert found.schema == {"$schema": DIALECT, "type": "object", "description": "About a",
                            "examples": [{"id": 1}, 5]}  # fmt: skip


def test_a_schema_may_hold_itself() -> None:
    """`#` is the whole; the bundled schema judges nested data."""
    (found,) = parse(schema(**{"x-event-type": "tree.v1", "properties": {"child": {"$ref": "#"}}, "required": ["id"]}))
    assert isinstance(found.schema, dict)
    validator = jsonschema_rs.validator_for(found.schema)
    assert validator.is_valid({"id": 1, "child": {"id": 2}})
    assert not validator.is_valid({"id": 1, "child": {"id": 2, "child": {}}})


def test_one_document_may_hold_several_event_types() -> None:
    """They share definitions, and each has its own owner or that of the document."""
    types = {"a.v1": {"$ref": "#/$defs/order"}, "b.v1": {"type": "object", "x-owner": "Stock"}}
    found = parse({"$schema": DIALECT, "x-owner": "Sales", "x-event-types": types,
                   "$defs": {"order": {"type": "object", "title": "An order"}}})  # fmt: skip
    assert [(each.type, each.owner, each.summary) for each in found] == [
        ("a.v1", "Sales", "An order"), ("b.v1", "Stock", "")
    ]


@pytest.mark.parametrize(
    ("document", "kind", "says"),
    [
        (schema(title="Some order"), MissingField, "add 'x-event-type'"),
        (schema(**{"x-event-type": 5}), InvalidField, "is not text"),
        (schema(**{"x-event-types": []}), InvalidField, "is not an object"),
        (schema(**{"x-event-type": "a.v1", "properties": {"b": {"$ref": "https://elsewhere/x"}}}), InvalidField,
         "does not lead into the document"),
        (schema(**{"x-event-type": "a.v1", "type": "thing"}), InvalidField, "is no JSON Schema"),
        ({"openapi": "3.0.0"}, MissingField, "neither AsyncAPI nor JSON Schema"),
    ],
    ids=["no name", "name no text", "types no map", "outside", "no schema", "something else"],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_refused(document: Any, kind: type[InvalidInput], says: str) -> None:
    """The developer learns what to add or correct."""
    with pytest.raises(kind) as caught:
        parse(document)
    assert says in caught.value.detail


def test_a_document_has_limits() -> None:
    """Neither a huge document nor one of countless types is taken in."""
    with pytest.raises(InvalidInput, match="larger than"):
        read(b" " * (DOCUMENT_LIMIT_BYTES + 1))
    topics = {f"a{number}.v1": {"subscribe": {}} for number in range(TYPES_LIMIT + 1)}
    with pytest.raises(InvalidInput, match=f"more than {TYPES_LIMIT} event types"):
        parse({"asyncapi": "1.0.0", "topics": topics})


@pytest.mark.parametrize(
    ("info", "root", "owner"),
    [
        ({"contact": {"name": "Sales", "email": "sales@shop.example"}}, {}, "Sales"),
        ({"contact": {"email": "sales@shop.example"}}, {}, "sales@shop.example"),
        ({"contact": {"name": "Sales"}}, {"x-owner": "Stock"}, "Stock"),
        ({"contact": "Sales"}, {}, ""),
        ("none", {}, ""),
    ],
)
def test_the_owner_is_whom_the_document_names(info: Any, root: dict[str, Any], owner: str) -> None:
    """The nearest `x-owner`, else the contact."""
    (found,) = parse({"asyncapi": "1.0.0", "info": info, "topics": {"a.v1": {"subscribe": {}}}, **root})
    assert found.owner == owner


def test_the_version_of_the_specification_is_kept() -> None:
    """Who asks about an event type learns which document described it."""
    (found,) = parse({"asyncapi": "1.0.0", "info": {"version": "3.1.4"}, "topics": {"a.v1": {"subscribe": {}}}})
    assert found.spec_version == "3.1.4"
