"""What a handler returns becomes the HTTP answer that Kyma's Python runtime gives, its traps closed."""

import pytest

from hub.functions.runtime.answers import answer_of, bytes_of
from tests.functions.conftest import Bench

HTML = "text/html; charset=UTF-8"
JSON = "application/json"

TABLE = {
    "nothing": ("None", 200, HTML, b""),
    "empty_text": ("''", 200, HTML, b""),
    "zero": ("0", 200, HTML, b""),
    "false": ("False", 200, HTML, b""),
    "text": ("'hello'", 200, HTML, b"hello"),
    "bytes": ("b'\\x00\\x01'", 200, HTML, b"\x00\x01"),
    "map": ("{'a': 1}", 200, JSON, b'{"a": 1}'),
    "empty_map": ("{}", 200, JSON, b"{}"),
    "texts": ("['a', 'b']", 200, HTML, b"ab"),
    "tuple_of_texts": ("('a', 'b')", 200, HTML, b"ab"),
    "generator": ("(part for part in 'xyz')", 200, HTML, b"xyz"),
    "number": ("42", 200, JSON, b"42"),
    "fraction": ("1.5", 200, JSON, b"1.5"),
    "true": ("True", 200, JSON, b"true"),
    "maps": ("[{'a': 1}, {'b': 2}]", 200, JSON, b'[{"a": 1}, {"b": 2}]'),
    "body_and_status": ("('bad', 400)", 400, HTML, b"bad"),
    "map_and_status": ("({'e': 1}, 409)", 409, JSON, b'{"e": 1}'),
    "body_status_headers": ("('made', 201, {'Content-Type': 'text/plain'})", 201, "text/plain", b"made"),
}


@pytest.mark.parametrize(("returned", "status", "content_type", "body"), TABLE.values(), ids=TABLE.keys())
def test_a_returned_value_is_the_answer_it_looks_like(
    returned: str, status: int, content_type: str, body: bytes
) -> None:
    """Each kind of value has one answer: status, content type, body."""
    got_status, headers, got_body = answer_of(eval(returned))
    whole = got_body if isinstance(got_body, bytes) else b"".join(map(bytes_of, got_body))
    assert (status, content_type, body) == (got_status, headers["content-type"], whole)


class Response:
    """Shaped like Bottle's response."""

    def __init__(self) -> None:
        """Say no."""
        self.status_code = 418
        self.headers = {"X-Pot": "tea"}
        self.body = {"short": True}


def test_a_response_object_is_sent_as_it_is() -> None:
    """Status, headers and body of an object like Bottle's `HTTPResponse` are kept; a map in it becomes JSON."""
    status, headers, body = answer_of(Response())
    assert (status, headers, body) == (418, {"content-type": JSON, "x-pot": "tea"}, b'{"short": true}')


@pytest.mark.parametrize("value", [object(), {"a": object()}, [{"a": {1}}]], ids=["object", "map", "list"])
def test_what_cannot_be_sent_is_an_error_that_says_so(value: object) -> None:
    """A value that is no JSON raises with the name of its type."""
    with pytest.raises(TypeError, match="which cannot be sent"):
        answer_of(value)


async def test_a_value_that_cannot_be_sent_fails_the_invocation(bench: Bench) -> None:
    """The caller gets 500 without details; the failure names the reason."""
    answer = await bench.answer("def main(event, context):\n    return object()\n")
    assert (answer.status, answer.body) == (500, b"Internal server error")
    assert answer.failure is not None and "cannot be sent" in answer.failure.message


async def test_a_raised_response_is_an_answer(bench: Bench) -> None:
    """Bottle's responses are exceptions as well; raised or returned, they are sent."""
    source = """
        class Refused(Exception):
            status_code, headers, body = 403, {}, "no"

        def main(event, context):
            raise Refused
    """
    answer = await bench.answer(source)
    assert (answer.status, answer.body, answer.failure) == (403, b"no", None)


async def test_a_handler_may_be_a_coroutine(bench: Bench) -> None:
    """`async def main` is run to its end."""
    assert (await bench.answer("async def main(event, context):\n    return 'later'\n")).body == b"later"
