"""What a handler gets: `event` and `context` as in Kyma's Python runtime, its traps closed."""

import json
from typing import Any

import pytest

from hub.functions.model import Invocation
from hub.functions.runtime.event import InvalidEventError, event_fields
from hub.functions.runtime.request import Request
from tests.functions.conftest import Bench, event_headers

SHOW = """
def main(event, context):
    request = event["extensions"]["request"]
    shown = {name: value for name, value in event.ceHeaders.items() if name != "extensions"}
    return {"event": shown, "context": context, "method": request.method, "path": request.path,
            "query": request.query, "header": request.headers.get("X-Own"), "json": request.json}
"""


def fields(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Return the fields of an event without the request."""
    found = event_fields(Request({"headers": headers}, body))
    del found["extensions"]
    return found


async def test_a_handler_sees_the_attributes_the_data_and_the_request(bench: Bench) -> None:
    """Every attribute, extensions included, is there under its `ce-` name; the context names the Function."""
    headers = event_headers(time="2026-01-02T03:04:05Z", eventtypeversion="v1", partitionkey="k") | {"X-Own": "yes"}
    called = Invocation(headers=headers, body=b'{"id": 7}', path="/a/b", query="x=1")
    shown = json.loads((await bench.answer(SHOW, called)).body)
    assert shown["event"] == {
        "ce-id": "e-1",
        "ce-type": "order.created.v1",
        "ce-source": "shop",
        "ce-specversion": "1.0",
        "ce-time": "2026-01-02T03:04:05Z",
        "ce-eventtypeversion": "v1",
        "ce-partitionkey": "k",
        "data": {"id": 7},
    }
    assert shown["context"] == {
        "function-name": "orders",
        "namespace": "default",
        "timeout": 180.0,
        "runtime": "python312",
        "body-size-limit": 1048576,
    }
    assert [shown[name] for name in ("method", "path", "query", "header", "json")] == [
        "POST",
        "/a/b",
        {"x": "1"},
        "yes",
        {"id": 7},
    ]


def test_a_structured_event_has_the_same_fields() -> None:
    """An event in one JSON document gives the same keys as one in headers."""
    document = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "foo": "bar", "data": {"a": 1}}
    got = fields({"content-type": "application/cloudevents+json; charset=utf-8"}, json.dumps(document).encode())
    attributes = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-foo": "bar"}
    expected = attributes | {"data": {"a": 1}}
    assert expected == got


PLAIN = {
    "json": ({"content-type": "application/json"}, b"[1]", [1]),
    "json_with_charset": ({"content-type": "application/json; charset=utf-8"}, b'"x"', "x"),
    "json_empty": ({"content-type": "application/json"}, b"", None),
    "text": ({"content-type": "text/plain"}, b"abc", b"abc"),
    "nothing": ({}, b"", None),
    "event_text": (event_headers() | {"content-type": "text/plain"}, b"abc", b"abc"),
    "only_a_type_is_no_event": ({"ce-type": "t", "content-type": "application/json"}, b"{}", {}),
}


@pytest.mark.parametrize(("headers", "body", "data"), PLAIN.values(), ids=PLAIN.keys())
def test_data_is_always_there(headers: dict[str, str], body: bytes, data: object) -> None:
    """`event["data"]` never lacks: JSON parsed, other bodies as bytes, none as None."""
    assert data == fields(headers, body)["data"]


def test_an_event_without_a_content_type_is_parsed_when_it_is_json() -> None:
    """Without a media type data is JSON when it reads as JSON, else bytes."""
    headers = {name: value for name, value in event_headers().items() if name != "content-type"}
    assert [fields(headers, body)["data"] for body in (b'{"a": 1}', b"<a/>")] == [{"a": 1}, b"<a/>"]


def test_a_missing_time_is_now() -> None:
    """An event without a time gets the current one."""
    assert "T" in fields(event_headers(), b"{}")["ce-time"]


BROKEN = {
    "no_id": (event_headers(id=""), b"{}", "lacks id"),
    "unknown_version": (event_headers(specversion="9.9"), b"{}", "specversion 9.9"),
    "data_is_no_json": (event_headers(), b"{", "not JSON"),
    "structured_is_no_json": ({"content-type": "application/cloudevents+json"}, b"{", "not JSON"),
    "structured_is_a_list": ({"content-type": "application/cloudevents+json"}, b"[]", "not a JSON object"),
    "structured_lacks": ({"content-type": "application/cloudevents+json"}, b'{"id": "1"}', "lacks type, source"),
}


@pytest.mark.parametrize(("headers", "body", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_claims_to_be_an_event_and_is_none_is_refused(headers: dict[str, str], body: bytes, said: str) -> None:
    """The refusal says what is wrong."""
    with pytest.raises(InvalidEventError, match=said):
        fields(headers, body)


async def test_a_broken_event_is_answered_400_and_the_handler_is_not_called(bench: Bench) -> None:
    """The caller gets 400 with the reason; nothing of the handler runs."""
    worker = await bench.start("def main(event, context):\n    print('called')\n")
    answer = await worker.invoke(Invocation(headers=event_headers(id=""), body=b"{}"), 5)
    assert (answer.status, answer.body) == (400, b"Bad request: the event lacks id")
    assert "called" not in bench.log.read_text()
