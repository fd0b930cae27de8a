"""Law of the short way: what it accepts, the dialects and admission accept with the same result."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.catalog.v1 import EventTypeEntry
from hub.ingress.addresses import Addresses
from hub.ingress.admission import admit
from hub.ingress.dialects.cloudevents import draft_of, event_of, mode_of, parse_binary
from hub.ingress.expectations import Expectations
from hub.ingress.model import Admitted
from hub.ingress.plain import read, read_json
from hub.ingress.rules import Rules
from hub.kernel.trace import is_valid, open_span, traceparent_of

Headers = list[tuple[bytes, bytes]]
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NAMES = st.sampled_from(
    [
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-specversion",
        "ce-time",
        "ce-subject",
        "ce-dataschema",
        "ce-datacontenttype",
        "ce-partitionkey",
        "ce-x_y",
        "ce-",
        "ce-data",
        "traceparent",
        "x-b3-traceid",
        "content-type",
        "accept",
    ]
).map(str.encode)
TEXTS = st.sampled_from(
    ["1.0", "0.3", "a..b", "a.b.v1", "2026-11-21T07:45:56Z", "x%20y", "%", '"q"', "ä", "*", ">", "a b"]
)
VALUES = (TEXTS | st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=12)).map(
    lambda text: text.encode("latin-1", "replace")
)
TYPES = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "text/plain", "a/b+json", "nonsense", ""]
)
BODIES = st.sampled_from([b"", b"{}", b'{"total": 1}', b'{"total": "much"}', b"{", b"\xff", b"[1]"])
KIND = b"order.created.v1"
PLAIN = {b"ce-specversion": b"1.0", b"ce-id": b"1", b"ce-source": b"shop", b"ce-type": KIND}
KNOWN = Expectations("warn")
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
ENTRY = EventTypeEntry(
    application="shop", service_id="1", name="order.created", type="order.created.v1", data_schema=SCHEMA
)
KNOWN.changed("k", ENTRY)
RULES = Rules(KNOWN, Addresses("sap.kyma.custom"))


def the_long_way(headers: Headers, body: bytes, source: str | None) -> Admitted:
    """Return the event by dialect and admission."""
    texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(headers)}
    assert mode_of(texts) == "binary"
    return admit(parse_binary(texts, body), source, RULES, open_span(traceparent_of(texts), "accept")[0])


def compared(event: Admitted) -> tuple[Any, ...]:
    """Return what must be the same."""
    return (
        event.subject,
        without_trace(event.headers.decode()),
        event.data,
        event.event_id,
        event.warning,
        event.catalogued,
    )


@settings(max_examples=500)
@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    TYPES,
    BODIES,
    st.sampled_from(["shop", "my.shop", "Ä shop", None]),
    st.sampled_from([KIND, b"a..b", b".a", b"a*.>", b"a$b", b"sap.kyma.custom.shop.a.b.c", b"sap.kyma.custom.shop"]),
    st.sets(st.sampled_from(list(PLAIN)), max_size=1),
)
@example([(b"traceparent", TRACE)], "application/json", b'{"total": 1}', "shop", KIND, set())
@example([(b"ce-time", b"yesterday")], "application/json", b"{}", "shop", KIND, set())
@example([], "application/json", b'{"total": "much"}', "shop", KIND, set())
@example([], "application/json", b"{}", "shop", b"order..v1", set())
@example([(b"x-b3-traceid", b"0af7651916cd43dd"), (b"x-b3-spanid", b"b7ad6b7169203331")], "", b"", "shop", KIND, set())
def test_the_short_way_agrees_with_the_long_one(
    more: Headers, content_type: str, body: bytes, source: str | None, kind: bytes, without: set[bytes]
) -> None:
    """Law: subject, every header and the id for de-duplication are the same; nothing that only one accepts."""
    plain = PLAIN | {b"ce-type": kind}
    headers = [*((name, value) for name, value in plain.items() if name not in without), *more]
    headers += [(b"content-type", content_type.encode())] if content_type else []
    short = read(headers, body, source, RULES)
    if short is not None:
        assert compared(short) == compared(the_long_way(headers, body, source))


MEMBERS = st.sampled_from(
    ["id", "source", "type", "subject", "time", "datacontenttype", "data_base64", "x", "X", "dataschema"]
)
JSON = st.none() | st.booleans() | st.integers(0, 9) | TEXTS | st.lists(st.integers(0, 9), max_size=2)


@settings(max_examples=300)
@given(st.dictionaries(MEMBERS, JSON, max_size=3), JSON, st.sampled_from(["shop", None]), st.booleans())
@example({}, {"total": "much"}, "shop", True)
@example({"datacontenttype": "text/plain"}, "text", "shop", True)
@example({"data_base64": "eA=="}, None, "shop", False)
def test_the_short_way_of_json_agrees_too(
    more: dict[str, Any], value: Any, source: str | None, with_data: bool
) -> None:
    """Law: the same for events in the JSON format, alone or in batches."""
    event = {"specversion": "1.0", "id": "1", "source": "shop", "type": "order.created.v1"} | more
    event |= {"data": value} if with_data else {}
    members = event_of(orjson.dumps(event))
    short = read_json(members, source, RULES, TRACE.decode())
    if short is not None:
        assert compared(short) == compared(admit(draft_of(members), source, RULES, TRACE.decode()))


def without_trace(lines: str) -> dict[str, Any]:
    """Return headers by name; a trace made up is only said to be valid."""
    found = dict(line.split(": ", 1) for line in lines.split("\r\n") if line)
    known = found["traceparent"][3:35].endswith(("af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd"))
    return found | {"traceparent": found["traceparent"] if known else is_valid(found["traceparent"])}


@pytest.mark.parametrize("content_type", [b"application/json", b"text/plain"])
def test_a_plain_event_goes_the_short_way(content_type: bytes) -> None:
    """What nearly every client sends is taken, so that the law above is about something."""
    headers = [
        *PLAIN.items(),
        (b"content-type", content_type),
        (b"host", b"localhost"),
        (b"ce-time", b"2026-11-21T07:45:56Z"),
    ]
    assert read(headers, b"{}", "shop", RULES) is not None
    event = {name.decode().removeprefix("ce-"): value.decode() for name, value in PLAIN.items()}
    members = event_of(orjson.dumps(event | {"data": {"total": 1}}))
    assert read_json(members, "shop", RULES, TRACE.decode()) is not None
