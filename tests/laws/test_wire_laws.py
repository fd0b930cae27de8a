"""Laws of the publishing connection: what a server says is understood however the network cuts it."""

import asyncio
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.publisher import Receipt, outcome_of
from hub.kernel.wire import Wire

BODIES = st.binary(max_size=40) | st.just(b'{"stream":"EVENTS","seq":7}') | st.just(b"MSG x 1 3\r\n")
BLOCKS = st.sampled_from([b"", b"NATS/1.0 503\r\n\r\n"])


def said(token: int, block: bytes, body: bytes) -> bytes:
    """Return a message as a server writes it."""
    subject = b"_INBOX.x.%x" % token
    if block:
        return b"HMSG %b 1 %d %d\r\n%b%b\r\n" % (subject, len(block), len(block) + len(body), block, body)
    return b"MSG %b 1 %d\r\n%b\r\n" % (subject, len(body), body)


@given(st.lists(st.tuples(BLOCKS, BODIES), max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_messages_are_understood_however_they_are_cut(messages: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    """Law: the same messages in the same order, whatever the pieces they arrive in, with other words between them."""

    async def hear() -> list[tuple[bytes, bytes, bytes]]:
        heard: list[tuple[bytes, bytes, bytes]] = []
        wire = Wire(b"_INBOX.x.", lambda *message: heard.append(message))
        stream = b"+OK\r\n".join(said(token, *message) for token, message in enumerate(messages))
        places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
        for start, end in pairwise(places):
            wire.data_received(stream[start:end])
        return heard

    expected = [(b"_INBOX.x.%x" % token, block, body) for token, (block, body) in enumerate(messages)]
    assert asyncio.run(hear()) == expected


@given(st.integers(1, 2**60), st.booleans())
def test_an_acknowledgement_is_read(sequence: int, duplicate: bool) -> None:
    """Law: stream, sequence and duplicate come back as they were written."""
    ack: dict[str, Any] = {"stream": "EVENTS", "seq": sequence} | ({"duplicate": True} if duplicate else {})
    assert outcome_of(orjson.dumps(ack)) == Receipt("EVENTS", sequence, duplicate)
