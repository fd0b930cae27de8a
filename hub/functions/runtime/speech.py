"""What is told a process of a Function about a call, and what it answers, in the words of their frames. Pure."""

from typing import Final

import orjson

from hub.functions.headers import EncodedHeaders
from hub.functions.model import Answer, Failure, Invocation
from hub.functions.runtime import frames
from hub.functions.runtime.frames import Frame

_MOST_KNOWN: Final = 1000
_LONGEST_KNOWN: Final = 200
_KNOWN: dict[bytes, Answer] = {}
"""Header of an answer without a body → the answer: nearly all answers to events are the same few."""


def meta_of(invocation: Invocation) -> bytes:
    """Return what a process is told of an invocation besides its body, as JSON; headers in JSON are not read for it."""
    headers = invocation.headers
    if isinstance(headers, EncodedHeaders):
        return b'{"method":"POST","path":"/","query":"","headers":%b}' % headers.encoded
    meta = {
        "method": invocation.method,
        "path": invocation.path,
        "query": invocation.query,
        "headers": headers,
    }
    return orjson.dumps(meta)


def read_answer(frame: Frame) -> tuple[Answer, bool]:
    """Return the answer that a frame carries, and whether more of it is to come."""
    known = _KNOWN.get(frame.header)
    if known is not None and not frame.body and frame.kind == frames.ANSWER:
        return known, False
    said = orjson.loads(frame.header)
    headers = said.get("headers") or {"content-type": "text/html; charset=UTF-8"}
    failure = None
    if frame.kind == frames.RAISED:
        failure = Failure(said["type"], said["message"], said["file"], said["line"])
    answer, more = Answer(said.get("status", 500), headers, frame.body, failure), bool(said.get("more"))
    if frame.kind == frames.ANSWER and not (more or frame.body) and len(frame.header) <= _LONGEST_KNOWN:
        _remember(frame.header, answer)
    return answer, more


def _remember(header: bytes, answer: Answer) -> None:
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[header] = answer
