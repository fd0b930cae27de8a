"""Laws of the wire formats: reading refuses or reads, what was written is read back, legacy names become types."""

import base64
import json
import re
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import encode_value
from hub.ingress.admission import check_attributes
from hub.ingress.dialects import cloudevents, kyma_v1
from hub.ingress.model import Draft
from hub.kernel.errors import HubError

CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"))
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"data", "datacontenttype", "specversion", "id", "source", "type"}
)
VALUES = st.text(CHARACTERS, min_size=1, max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(CHARACTERS, max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS, max_size=4), inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.builds(
    lambda needed, further: {**further, **needed},
    st.fixed_dictionaries({"specversion": st.just("1.0"), "id": VALUES, "source": VALUES, "type": VALUES}),
    st.dictionaries(NAMES, VALUES, max_size=4),
)
LATIN = st.text(st.characters(max_codepoint=255), max_size=12)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "ce-specversion", "ce-id", "ce-type", "ce-source", "ce-", "ce-datacontenttype"])
    | LATIN.map(lambda text: f"ce-{text}"),
    LATIN | st.sampled_from(["%", "%C0%A0", '"', '"a\\', cloudevents.STRUCTURED, cloudevents.BATCH]),
    max_size=6,
)  # fmt: skip
BODIES = st.binary(max_size=30) | st.text(max_size=20).map(str.encode) | JSON.map(orjson.dumps)
MEMBERS = st.sampled_from([
    "specversion", "id", "source", "type", "data", "data_base64", "datacontenttype", "event-type", "event-type-version",
    "event-time", "event-id", "EVENT-TYPE", "subject",
])  # fmt: skip
DOCUMENTS: st.SearchStrategy[bytes] = st.dictionaries(MEMBERS, JSON | VALUES, max_size=7).map(orjson.dumps)


def read(headers: dict[str, str], body: bytes) -> list[Draft]:
    """Read a request as the endpoint does: the mode decides."""
    mode = cloudevents.mode_of(headers)
    if mode == "structured":
        return [cloudevents.parse_structured(body)]
    if mode == "batch":
        return cloudevents.parse_batch(body)
    return [cloudevents.parse_binary(headers, body)] if mode == "binary" else []


MODES = st.sampled_from([{}, {"content-type": cloudevents.STRUCTURED}, {"content-type": cloudevents.BATCH}])


@given(HEADERS, MODES, BODIES | DOCUMENTS | DOCUMENTS.map(lambda event: b"[" + event + b"]"))
def test_any_request_is_read_or_refused(headers: dict[str, str], mode: dict[str, str], body: bytes) -> None:
    """Law: whatever comes over the wire, nothing but a refusal is raised, and the answer is the same twice."""
    headers = headers | mode
    try:
        drafts = read(headers, body)
    except HubError:
        return
    assert drafts == read(headers, body)
    assert all(isinstance(text, str) for draft in drafts for text in draft.attributes.values())


@given(ATTRIBUTES, st.binary(max_size=20), st.sampled_from(["", "application/json", "text/plain; charset=utf-8"]))
def test_a_binary_event_is_read_as_it_was_written(attributes: dict[str, str], body: bytes, media: str) -> None:
    """Law: attributes of any characters survive the headers' encoding; the body is not touched."""
    headers = {f"ce-{name}": encode_value(value) for name, value in attributes.items()}
    assert read(headers | ({"content-type": media} if media else {}), body) == [Draft(attributes, body, media)]


@given(ATTRIBUTES.filter(lambda attributes: not any(set(value) & {"%", '"'} for value in attributes.values())))
def test_headers_that_nobody_encoded_are_read_as_meant(attributes: dict[str, str]) -> None:
    """Law: clients that send UTF-8 as it is are understood: their bytes are taken as what they are."""
    headers = {f"ce-{name}": value.encode().decode("latin-1") for name, value in attributes.items()}
    (draft,) = read(headers, b"")
    assert draft.attributes == attributes


@given(ATTRIBUTES, JSON)
def test_a_structured_event_is_read_as_it_was_written(attributes: dict[str, str], value: Any) -> None:
    """Law: JSON data stays the same value and is said to be JSON; a `ce-` header beside it changes nothing."""
    body = json.dumps(attributes | {"data": value}).encode()
    headers = {"content-type": "Application/CloudEvents+JSON; charset=utf-8", "ce-id": "another"}
    (draft,) = read(headers, body)
    assert (draft.attributes, draft.content_type, draft.value) == (attributes, "application/json", value)
    assert orjson.loads(draft.data) == value


@given(ATTRIBUTES, st.binary(max_size=20))
def test_bytes_in_a_structured_event_are_read_as_they_were_written(attributes: dict[str, str], data: bytes) -> None:
    """Law: base64 is undone; nothing is assumed about what the bytes are."""
    event = attributes | {"data_base64": base64.b64encode(data).decode()}
    assert cloudevents.parse_structured(orjson.dumps(event)) == Draft(attributes, data, "")


NUMBERS = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)


@given(ATTRIBUTES, st.lists(NUMBERS, max_size=6))
def test_numbers_keep_their_value(attributes: dict[str, str], numbers: list[float]) -> None:
    """Law: a number in JSON data is stored as the number it was, however long an integer is."""
    draft = cloudevents.parse_structured(json.dumps(attributes | {"data": numbers}).encode())
    assert numbers == json.loads(draft.data)


@given(st.lists(st.tuples(ATTRIBUTES, JSON), max_size=4))
def test_a_batch_is_its_events_in_order(events: list[tuple[dict[str, str], Any]]) -> None:
    """Law: each event of a batch is read as it would be alone."""
    documents = [orjson.dumps(attributes | {"data": value}) for attributes, value in events]
    drafts = read({"content-type": cloudevents.BATCH}, b"[" + b",".join(documents) + b"]")
    assert drafts == [cloudevents.parse_structured(document) for document in documents]


@given(BODIES | DOCUMENTS, st.text(max_size=5))
def test_any_legacy_body_is_read_or_refused(body: bytes, application: str) -> None:
    """Law: nothing but a refusal is raised, and each refusal can be told in the format's own form."""
    try:
        draft = kyma_v1.parse(body, application, "new")
    except HubError as error:
        assert orjson.loads(kyma_v1.render_refused(error, error.status))["status"] == error.status
        return
    assert draft.attributes["source"] == application


@given(
    VALUES,
    st.from_regex(r"[a-zA-Z0-9]{1,5}", fullmatch=True),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.uuids().map(str) | st.none(),
    JSON.filter(lambda value: value not in (None, "")),
)
def test_a_legacy_event_becomes_what_its_names_say(
    event_type: str, version: str, time: str, event_id: str | None, value: Any
) -> None:
    """Law: type and version become one name, the path says the source, an id is made up where none came."""
    body = {"event-type": event_type, "event-type-version": version, "event-time": time, "data": value,
            "source": "forged", "event-tracing": "x"}  # fmt: skip
    draft = kyma_v1.parse(orjson.dumps(body | ({"Event-ID": event_id} if event_id else {})), "shop", "made-up")
    assert draft.attributes == {
        "specversion": "1.0", "id": event_id or "made-up", "source": "shop", "type": f"{event_type}.{version}",
        "time": time, "eventtypeversion": version,
    }  # fmt: skip
    assert orjson.loads(draft.data) == value


MOMENTS = st.tuples(st.datetimes(), st.sampled_from("Tt "), st.sampled_from(["", "Z", "z", "+01:00", "-0530", "+1"]))


@given(st.text(max_size=30) | MOMENTS.map(lambda parts: parts[0].isoformat(parts[1]) + parts[2]))
def test_only_timestamps_with_a_zone_are_timestamps(text: str) -> None:
    """Law: any text can be asked about, and what passes has date, time and zone."""
    if kyma_v1.is_timestamp(text):
        assert re.search(r"[Tt].*(Z|z|[+-]\d\d(:?\d\d)?)", text)


@given(
    st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "type", "time", "subject", "dataschema"]) | st.text(max_size=3),
        st.text(CHARACTERS, max_size=8) | st.sampled_from(["1.0", "", " ", "http://[", "a:b", "%"]),
        max_size=7,
    ),
    st.text(max_size=8),
)
def test_any_attributes_are_accepted_or_refused(attributes: dict[str, str], media: str) -> None:
    """Law: judging attributes raises nothing but a refusal, one line for each violation."""
    try:
        check_attributes(Draft(attributes, b"", media))
    except HubError as error:
        assert error.detail.endswith("\n")
