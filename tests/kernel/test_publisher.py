"""Publishing: acknowledged or refused, never left open, whatever becomes of the server."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from nats.js.api import StreamConfig

from hub.kernel.broker import Bus, connect
from hub.kernel.errors import BodyTooLarge, BrokerUnavailable, HubError, InvalidInput
from hub.kernel.publisher import Publisher, Receipt
from tests.conftest import nats_server_binary, start_nats


class Server:
    """A nats-server of a test's own, which may be stopped and started again on the same port."""

    def __init__(self, directory: Path) -> None:
        """Start it."""
        self._directory = directory
        self.process, self.url = start_nats(directory)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stop it where it is; returns when it does nothing any more."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def start(self) -> None:
        """Start it again."""
        self.process, _ = start_nats(self._directory, int(self.url.rsplit(":", 1)[1]))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Return a server with one stream that takes `t.>`."""
    server = Server(tmp_path / "nats")
    client = await connect([server.url], "test")
    await client.jetstream().add_stream(StreamConfig(name="T", subjects=["t.>"], discard="new", max_bytes=200_000))  # type: ignore[arg-type]  # the enumeration's own text
    await client.close()
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.kill()


@pytest.fixture
async def bus(server: Server) -> AsyncIterator[Bus]:
    """Return a bus that waits one second for an acknowledgement."""
    bus = Bus(await connect([server.url], "test"), timeout_seconds=1)
    await bus.start()
    yield bus
    await bus.close()


async def until_published(bus: Bus, seconds: float = 10) -> Receipt:
    """Publish until the connection is back, as a client that posts again would."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await bus.publish("t.again", b"", {"Nats-Msg-Id": "again"})
            except BrokerUnavailable:
                await asyncio.sleep(0.02)


async def test_outcomes_come_in_the_order_of_the_messages(bus: Bus) -> None:
    """Many at once: every message is stored once, and told where."""
    messages = [(b"t.%d" % number, b"Nats-Msg-Id: %d\r\n" % number, b"x") for number in range(500)]
    outcomes = await bus.publish_all(messages)
    assert outcomes == [Receipt("T", number, False) for number in range(1, 501)]
    stored = await bus.js.get_msg("T", 500)
    assert (stored.subject, stored.data, (stored.headers or {})["Nats-Msg-Id"]) == ("t.499", b"x", "499")


async def test_a_repeat_is_told_as_such(bus: Bus) -> None:
    """The receipt of a repeat names the place of the first."""
    first = await bus.publish("t.a", b"1", {"Nats-Msg-Id": "1"})
    assert await bus.publish("t.a", b"2", {"Nats-Msg-Id": "1"}) == Receipt("T", first.sequence, True)


async def test_a_value_cannot_add_a_header(bus: Bus) -> None:
    """Line ends within a value become blanks."""
    receipt = await bus.publish("t.a", b"", {"X": "one\r\nNats-Msg-Id: forged"})
    stored = await bus.js.get_msg("T", receipt.sequence)
    assert stored.headers == {"X": "one  Nats-Msg-Id: forged"}


@pytest.mark.parametrize("subject", ["", "t.a b", "t.a\r\nPUB x 0"])
async def test_a_subject_with_white_space_is_refused(bus: Bus, subject: str) -> None:
    """It would end the command early."""
    with pytest.raises(InvalidInput):
        await bus.publish(subject, b"", {})


async def test_a_full_stream_is_said_to_be_full(bus: Bus) -> None:
    """Nothing unread is discarded: the refusal says so, and when to come again."""
    with pytest.raises(BrokerUnavailable) as refused:
        for _ in range(300):
            await bus.publish("t.a", b"x" * 1000, {})
    assert refused.value.fields["full"] is True


async def test_a_subject_that_no_stream_takes_is_refused_at_once(bus: Bus) -> None:
    """No waiting for a time limit where the server knows better."""
    with pytest.raises(BrokerUnavailable, match="No stream takes"):
        await bus.publish("nobody.listens", b"", {})


async def test_a_message_above_the_servers_limit_is_refused_and_the_connection_stays(bus: Bus) -> None:
    """The server would close the connection, and with it everybody else's events."""
    with pytest.raises(BodyTooLarge):
        await bus.publish("t.a", b"x" * (2 * 1024 * 1024), {})
    assert (await bus.publish("t.a", b"x", {})).sequence == 1


async def test_a_silent_server_fails_events_at_their_time_limit(bus: Bus, server: Server) -> None:
    """Unknown fate is said after the time limit; the server goes on, and so do the next events."""
    server.freeze()
    with pytest.raises(BrokerUnavailable):
        await bus.publish("t.a", b"x", {})
    server.process.send_signal(signal.SIGCONT)
    assert (await until_published(bus)).stream == "T"


async def test_what_is_unacknowledged_when_the_server_dies_fails_and_is_not_sent_again(
    bus: Bus, server: Server
) -> None:
    """The poster hears of it and posts again under the same id; nothing is resent behind its back."""
    server.freeze()
    outcomes: list[Receipt | HubError] = []
    for number in range(50):
        bus.publisher.publish(b"t.a", b"Nats-Msg-Id: %d\r\n" % number, b"x", outcomes.append)
    await asyncio.sleep(0)
    server.kill()
    async with asyncio.timeout(5):
        while len(outcomes) < 50:
            await asyncio.sleep(0.01)
    assert all(isinstance(outcome, BrokerUnavailable) for outcome in outcomes)
    with pytest.raises(BrokerUnavailable):
        await bus.publish("t.a", b"x", {})
    server.start()
    assert await until_published(bus) == Receipt("T", 1, False)


async def test_a_listener_that_fails_takes_nobody_along(bus: Bus) -> None:
    """A bug in one settlement leaves the connection and the other events alone."""

    def fails(_outcome: Receipt | HubError) -> None:
        raise ZeroDivisionError

    bus.publisher.publish(b"t.a", b"", b"x", fails)
    assert (await bus.publish("t.a", b"x", {})).sequence == 2


async def test_closing_refuses_what_still_waits(server: Server) -> None:
    """Nobody is left waiting for an answer that cannot come."""
    bus = Bus(await connect([server.url], "test"))
    await bus.start()
    server.freeze()
    waiting = asyncio.create_task(bus.publish("t.a", b"x", {}))
    await asyncio.sleep(0)
    await bus.publisher.close()
    with pytest.raises(BrokerUnavailable):
        await asyncio.wait_for(waiting, 5)
    server.process.send_signal(signal.SIGCONT)
    await bus.close()


async def start_with(options: str, tmp_path: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server with a configuration; returns it and its port once it listens."""
    configuration = tmp_path / "nats.conf"
    configuration.write_text(f'listen: "127.0.0.1:-1"\nports_file_dir: "{tmp_path}"\n{options}\n')
    process = subprocess.Popen([nats_server_binary(), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    ports = tmp_path / f"nats-server_{process.pid}.ports"
    async with asyncio.timeout(10):
        while not (ports.exists() and "127.0.0.1:" in ports.read_text()):
            await asyncio.sleep(0.01)
    return process, int(ports.read_text().split("127.0.0.1:")[1].split('"')[0])


@pytest.mark.parametrize(
    ("options", "right"), [("authorization {user: u, password: p}", "u:p"), ("authorization {token: t0k}", "t0k")]
)
async def test_credentials_come_from_the_url(options: str, right: str, tmp_path: Path) -> None:
    """User and password, or a token; wrong ones are refused with the server's reason."""
    process, port = await start_with(options, tmp_path)
    try:
        for credentials, welcome in ((right, True), ("u:wrong", False)):
            publisher = publisher_to(f"nats://{credentials}@127.0.0.1:{port}")
            if welcome:
                await publisher.start()
                await publisher.close()
                continue
            with pytest.raises(BrokerUnavailable, match="Authorization Violation"):
                await publisher.start()
    finally:
        process.kill()
        process.wait()


def publisher_to(*urls: str) -> Publisher:
    """Return a publisher that is not connected yet."""
    return Publisher([urlparse(url) for url in urls], "test", 1, "_INBOX.test", None)


async def test_the_next_server_is_tried_when_one_is_away(server: Server) -> None:
    """Of several servers one suffices."""
    publisher = publisher_to("nats://127.0.0.1:1", server.url)
    await publisher.start()
    await publisher.close()


async def test_tls_is_verified_and_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that asks for TLS gets it; one whose certificate nobody vouches for is refused."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    made = subprocess.run(
        [*command.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("openssl is not there")
    process, port = await start_with(f'tls {{cert_file: "{certificate}", key_file: "{key}"}}', tmp_path)
    try:
        with pytest.raises(BrokerUnavailable, match=r"(?i)certificate"):
            await publisher_to(f"nats://localhost:{port}").start()
        monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(certificate))
        publisher = publisher_to(f"nats://localhost:{port}")
        await publisher.start()
        await publisher.close()
    finally:
        process.kill()
        process.wait()
