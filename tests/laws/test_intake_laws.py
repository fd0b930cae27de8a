"""Laws of reading what nats-server sends: however the bytes arrive, each message comes once, whole, to its receiver."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.protocol.parser import Parser

from hub.dispatch.consumer.intake import Intake, Message

DIRECT, OTHER = 7, 8


class Heard(Client):
    """A client that is not connected and notes what its parser finds."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        super().__init__()
        self.direct: list[tuple[str, str, bytes, dict[str, str] | None]] = []
        self.others: list[tuple[Any, ...]] = []

    def take(self, message: Message) -> None:
        """Note a message that was handed over at once."""
        self.direct.append((message.subject, message.reply, message.data, message.headers))

    async def _process_msg(self, *message: Any) -> None:
        self.others.append(message)

    async def _process_ping(self) -> None:
        self.others.append(("PING",))

    async def _process_pong(self) -> None:
        self.others.append(("PONG",))


def message(number: int, reply: bytes, headers: bytes, body: bytes) -> bytes:
    """Return a message as the server sends it."""
    words = [b"HMSG" if headers else b"MSG", b"a.b", b"%d" % number, *([reply] if reply else [])]
    words += [b"%d" % len(headers)] if headers else []
    return b"%b %d\r\n%b%b\r\n" % (b" ".join(words), len(headers) + len(body), headers, body)


MESSAGES = st.builds(
    message,
    st.sampled_from([DIRECT, OTHER]),
    st.sampled_from([b"", b"$JS.ACK.x"]),
    st.sampled_from([b"", b"NATS/1.0\r\nce-id: 1\r\n\r\n", b"NATS/1.0 404 No Messages\r\n\r\n"]),
    st.binary(max_size=8) | st.sampled_from([b"\r\n", b"MSG a 7 1\r\nx\r\n", b"PING\r\n"]),
)
LINES = MESSAGES | st.sampled_from([b"PING\r\n", b"PONG\r\n", b"+OK\r\n"])


def pieces_of(data: bytes, cuts: list[float]) -> list[bytes]:
    """Return bytes cut at several places, as a network may."""
    places = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(places)]


async def fed(client: Heard, parser: Parser, pieces: list[bytes]) -> Heard:
    """Return a client whose parser was given pieces."""
    for piece in pieces:
        await parser.parse(piece)
    return client


def is_plain(heard: tuple[Any, ...]) -> bool:
    """Say whether this is a message, and no status, of the subscription whose messages are handed over at once."""
    return heard[0] == DIRECT and not (heard[4] or b"").startswith(b"NATS/1.0 ")


@given(st.lists(LINES, max_size=6), st.lists(st.floats(0, 0.999), max_size=8), st.integers(0, 8))
def test_what_is_read_is_what_the_library_reads(lines: list[bytes], cuts: list[float], late: int) -> None:
    """Law: the same messages, byte for byte, as nats-py finds, wherever they are cut and whenever it is replaced."""
    pieces = pieces_of(b"".join(lines), cuts)

    async def run() -> tuple[Heard, Heard]:
        known, found = Heard(), Heard()
        await fed(known, known._ps, pieces)
        await fed(found, found._ps, pieces[:late])
        intake = Intake(found)
        intake.attach(DIRECT, found.take)
        await fed(found, intake, pieces[late:])
        return known, found

    known, found = asyncio.run(run())
    before = [each[3] for each in found.others if is_plain(each)]  # taken before the parser was replaced
    assert before + [each[2] for each in found.direct] == [each[3] for each in known.others if is_plain(each)]
    rest = [each for each in known.others if not is_plain(each)]
    assert [each for each in found.others if not is_plain(each)] == rest


async def test_a_message_as_it_came() -> None:
    """Subject, reply, headers and data; without headers there are none."""
    client = Heard()
    intake = Intake(client)
    intake.attach(DIRECT, client.take)
    headed = message(DIRECT, b"r", b"NATS/1.0\r\nce-id: 1\r\nx:y \r\n\r\n", b"\r\n")
    await intake.parse(headed + message(DIRECT, b"", b"", b""))
    assert client.direct == [("a.b", "r", b"\r\n", {"ce-id": "1", "x": "y"}), ("a.b", "", b"", None)]
    intake.detach(DIRECT)
    await intake.parse(message(DIRECT, b"", b"", b"1"))
    assert len(client.others) == 1


async def test_a_receiver_that_fails_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """One message must not end the connection of all."""
    client = Heard()
    intake = Intake(client)

    def take(found: Message) -> None:
        client.take(found)
        raise ValueError(found.data)

    intake.attach(DIRECT, take)
    await intake.parse(message(DIRECT, b"", b"", b"1") + message(DIRECT, b"", b"", b"2"))
    assert [each[2] for each in client.direct] == [b"1", b"2"]
    assert "bug.caught" in capsys.readouterr().out


async def test_a_new_connection_begins_anew() -> None:
    """The beginning of a message that the old connection took with it is no part of the next one."""
    client = Heard()
    intake = Intake(client)
    intake.attach(DIRECT, client.take)
    whole = message(DIRECT, b"", b"", b"12345")
    await intake.parse(whole[:-4])
    intake.reset()
    await intake.parse(whole)
    assert [each[2] for each in client.direct] == [b"12345"]
