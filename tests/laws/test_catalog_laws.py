"""Laws of the catalog: reading is total, differences lead from old to new, keys can be read back."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog.v1 import EventTypeEntry, entry_key, split_entry_key
from hub.catalog.asyncapi import parse, read
from hub.catalog.difference import difference
from hub.catalog.model import Specification
from hub.catalog.offering import event_services, offer
from hub.kernel.errors import HubError

WORDS = st.sampled_from([
    "topics", "channels", "operations", "messages", "message", "subscribe", "payload", "oneOf", "$ref", "action",
    "send", "address", "channel", "schemaFormat", "schema", "examples", "example", "x-payload-check", "off", "type",
    "object", "properties", "$defs", "$id", "$schema", "#/channels/a", "#/channels/a/messages/m", "#", "http://[",
    "a", "m", "name",
])  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=4)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=25
)
VERSIONS = st.sampled_from(["1.0.0", "2.0.0", "2.6.0", "3.0.0"])
MEMBERS = st.fixed_dictionaries({}, optional={name: st.dictionaries(WORDS, JSON, max_size=3) for name in
                                              ("topics", "channels", "operations", "components")})
ENTRIES = st.dictionaries(
    st.sampled_from(["a.v1", "b.v1", "c.v1"]), st.sampled_from([None, {"type": "object"}, True]), max_size=3
)


def entries_of(schemas: dict[str, Any]) -> dict[str, EventTypeEntry]:
    return {
        name: EventTypeEntry(application="shop", service_id="1", type=name, name=name, data_schema=schema)
        for name, schema in schemas.items()
    }


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    """No document, however strange, raises anything but a refusal."""
    try:
        parse(document)
    except HubError:
        return


@given(VERSIONS, MEMBERS)
def test_any_document_of_a_known_version_is_read_or_refused(version: str, members: dict[str, Any]) -> None:
    """Reading is total, changes nothing and says the same twice."""
    document = {"asyncapi": version, **members}
    before = copy.deepcopy(document)
    try:
        found = parse(document)
    except HubError:
        return
    assert repr(document) == repr(before)
    assert repr(parse(document)) == repr(found)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Whatever the object store holds cannot stop the catalog."""
    try:
        read(raw)
    except HubError:
        return


@given(VERSIONS, MEMBERS)
def test_what_is_offered_is_the_same_after_storing(version: str, members: dict[str, Any]) -> None:
    """An entry read back equals the entry written, so that nothing is published again for no reason."""
    raw = json.dumps({"asyncapi": version, **members}).encode()
    for entry in offer("shop", [Specification("1", raw)], {}, 10_000).entries.values():
        assert EventTypeEntry.decode(entry.encode()) == entry


@given(ENTRIES, ENTRIES)
def test_a_difference_applied_to_the_old_state_gives_the_new_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Nothing is missed, and equal states differ in nothing."""
    before, after = entries_of(old), entries_of(new)
    change = difference(before, after)
    for entry in change.withdrawn:
        del before[entry.type]
    for publication in change.published:
        assert (publication.change == "changed") == (publication.entry.type in before)
        before[publication.entry.type] = publication.entry
    assert before == after
    assert not difference(after, after)


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_key_of_an_entry_can_be_read_back(application: str, event_type: str) -> None:
    """Any two names become a key that the bucket takes, and no two pairs share one."""
    key = entry_key(application, event_type)
    assert (application, event_type) == split_entry_key(key)
    assert set(key) <= set("-/_=.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    assert key.count(".") == 1


@given(JSON)
def test_the_services_of_any_spec_can_be_listed(spec: Any) -> None:
    """An Application's spec was written by others."""
    event_services({"services": spec}, {})
