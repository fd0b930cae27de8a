"""The client that posts events: kept connections, judged addresses, trusted certificates."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.dispatch.sinks.posting import Poster, header_lines, target_of
from hub.kernel.egress import EgressRule
from hub.kernel.errors import NotPermitted, UpstreamUnavailable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = EgressRule(loopback=True)


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Return what starts a server and gives its port."""
    servers: list[asyncio.Server] = []

    async def start(serve: Serve, tls: ssl.SSLContext | None = None) -> int:
        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls))
        return int(servers[-1].sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer two requests of a connection, then close it without a word."""
    for _ in range(2):
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        peer = str(writer.get_extra_info("peername")[1]).encode()
        writer.write(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(peer), peer)
        )
        await writer.drain()
    writer.close()


async def test_connections_are_used_again_and_a_closed_one_is_no_failure(
    serving: Callable[..., Awaitable[int]],
) -> None:
    """Five requests use three connections; the caller notices nothing of those that were closed."""
    poster = Poster(LOOPBACK, ssl.create_default_context)
    target = poster.target(f"http://127.0.0.1:{await serving(answer_twice)}/")
    replies = [await poster.post(target, {}, b"x", 5) for _ in range(5)]
    assert [200] * 5 == [reply.status for reply in replies]
    assert 3 == len({reply.excerpt for reply in replies})
    poster.close()


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "[::ffff:10.0.0.1]"]
)
async def test_only_allowed_addresses_are_connected_to(address: str) -> None:
    """Judged after the name was looked up, so a name is no way around it."""
    poster = Poster(EgressRule(), ssl.create_default_context)
    with pytest.raises(NotPermitted):
        await poster.post(poster.target(f"http://{address}:1/"), {}, b"", 5)


async def test_a_certificate_must_be_trusted_and_fit(serving: Callable[..., Awaitable[int]], tmp_path: Path) -> None:
    """Trusted through the authority that is given, refused without it, with a reason."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "both.pem").write_bytes(key.private_bytes(*pem) + certificate)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "both.pem")
    url = f"https://localhost:{await serving(answer_twice, server)}/"
    trusting = ssl.create_default_context(cadata=certificate.decode())
    poster = Poster(LOOPBACK, lambda: trusting)
    assert 200 == (await poster.post(poster.target(url), {}, b"x", 5)).status
    strict = Poster(LOOPBACK, ssl.create_default_context)
    with pytest.raises(UpstreamUnavailable, match="certificate is not trusted"):
        await strict.post(strict.target(url), {}, b"x", 5)
    poster.close()


async def test_a_name_that_does_not_resolve_is_an_answer(serving: Callable[..., Awaitable[int]]) -> None:
    """Nothing but the hub's own error comes out."""
    poster = Poster(LOOPBACK, ssl.create_default_context)
    with pytest.raises(UpstreamUnavailable, match="cannot be resolved"):
        await poster.post(poster.target("http://nowhere.invalid/"), {}, b"", 5)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/a b?q=ü#f", b"POST /a%20b?q=%C3%BC HTTP/1.1\r\nhost: h\r\n"),
        ("http://h:8080", b"POST / HTTP/1.1\r\nhost: h:8080\r\n"),
        ("https://[::1]/x", b"POST /x HTTP/1.1\r\nhost: [::1]\r\n"),
        ("http://bücher.example/", b"POST / HTTP/1.1\r\nhost: xn--bcher-kva.example\r\n"),
    ],
)
def test_an_address_becomes_a_request_line(url: str, expected: bytes) -> None:
    """Escaped, without the fragment, with the host as it is written."""
    assert target_of(url).head.startswith(expected)


@pytest.mark.parametrize("value", ["a\r\nevil: 1", "a\nevil: 1", "a\revil: 1", "a\r\n\r\nGET / HTTP/1.1"])
def test_a_value_cannot_begin_another_header(value: str) -> None:
    """Whatever a publisher wrote stays one line."""
    lines = header_lines({"ce-a": value, "ce-b": "x"})
    assert lines.count(b"\r\n") == 2 == lines.count(b"\n") == lines.count(b"\r")
