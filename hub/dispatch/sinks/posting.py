"""Posts events: a small HTTP/1.1 client for one thing, a POST whose answer matters by its status.

It costs a quarter of a general client per request, and it keeps what a sink may do in bounds: the connection goes to an
address that was judged, no redirect is followed, the answer is read up to a limit and the connection is closed past it,
and one time limit covers everything from the look-up of the name to the last byte.
"""

import asyncio
import base64
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from hub.dispatch.sinks.connection import Connection
from hub.kernel.egress import EgressRule
from hub.kernel.errors import NotPermitted, UpstreamUnavailable
from hub.kernel.http.client import Reply

_LOOK_UP_SECONDS = 30.0
_IDLE_SECONDS = 30.0
_MOST_IDLE = 256
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_IN_A_LINE = str.maketrans({"\r": " ", "\n": " "})


@dataclass(slots=True, eq=False)
class Target:
    """One address to post to, with what is the same for each request and its idle connections."""

    host: str
    port: int
    is_tls: bool
    head: bytes = field(repr=False)
    """Request line and constant headers; may hold credentials of the address."""
    idle: list[Connection] = field(default_factory=list)
    addresses: tuple[str, ...] = ()
    looked_up: float = float("-inf")

    @property
    def place(self) -> str:
        """Return host and port, for messages."""
        return f"{self.host}:{self.port}"


def target_of(url: str) -> Target:
    """Return the target that an address means; user and password in it become basic authorization.

    Raises:
        ValueError: it is no HTTP address.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an HTTP address")
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    named = host if port == _DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"
    lines = [f"POST {_in_ascii(path)} HTTP/1.1", f"host: {named}", "user-agent: hub", "accept: */*"]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    return Target(host.strip("[]"), port, parts.scheme == "https", ("\r\n".join(lines) + "\r\n").encode())


def _in_ascii(path: str) -> str:
    return "".join(
        letter if "!" <= letter <= "~" else "".join(f"%{byte:02X}" for byte in letter.encode()) for letter in path
    )


class Poster:
    """Posts to any number of targets; connections are kept and used again."""

    def __init__(
        self, rule: EgressRule, trust: Callable[[], ssl.SSLContext], *, connect_timeout_seconds: float = 5
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            rule: which addresses are allowed.
            trust: makes the TLS context, when the first target needs it.
            connect_timeout_seconds: most for looking up, connecting and the TLS handshake.
        """
        self._rule = rule
        self._trust = trust
        self._tls: ssl.SSLContext | None = None
        self._connect_seconds = connect_timeout_seconds
        self._targets: dict[str, Target] = {}

    def target(self, url: str) -> Target:
        """Return the target of an address; the same for the same address, so that its connections are shared."""
        if url not in self._targets:
            self._targets[url] = target_of(url)
        return self._targets[url]

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Reply:
        """Post a body and return the answer, whatever its status.

        Raises:
            NotPermitted: the target's name resolves to no address that is allowed.
            UpstreamUnavailable: no answer: refused, reset, timed out, cut off, not resolvable; the text says which.
        """
        request = b"%b%bcontent-length: %d\r\n\r\n" % (target.head, header_lines(headers), len(body))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        try:
            while (connection := _take_idle(target, loop.time())) is not None:
                try:
                    return await self._exchange(target, connection, (request, body), deadline - loop.time())
                except UpstreamUnavailable as error:
                    if error.fields["begun"]:
                        raise
                    # Closed by the other side while it lay idle: at least once allows to send again.
            connection = await self._connect(target, min(self._connect_seconds, deadline - loop.time()))
            return await self._exchange(target, connection, (request, body), deadline - loop.time())
        except TimeoutError as error:
            raise UpstreamUnavailable(f"No answer within {timeout_seconds:g} s.", reason="timeout") from error

    async def _exchange(
        self, target: Target, connection: Connection, parts: tuple[bytes, bytes], seconds: float
    ) -> Reply:
        reply = await connection.exchange(parts, seconds)
        if connection.is_reusable and len(target.idle) < _MOST_IDLE:
            connection.idle_since = asyncio.get_running_loop().time()
            target.idle.append(connection)
        else:
            connection.close()
        return reply

    async def _connect(self, target: Target, seconds: float) -> Connection:
        loop = asyncio.get_running_loop()
        failure = "the name has no address"
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                for address in await self._addresses(target):
                    try:
                        _, connection = await loop.create_connection(
                            Connection,
                            address,
                            target.port,
                            ssl=self._context() if target.is_tls else None,
                            server_hostname=target.host if target.is_tls else None,
                        )
                    except OSError as error:  # refused, unreachable, or a certificate that is not trusted
                        failure = _said(error)
                    else:
                        return connection
        except TimeoutError as error:
            text = f"{target.place} did not accept a connection in time."
            raise UpstreamUnavailable(text, reason="timeout") from error
        target.looked_up = float("-inf")
        raise UpstreamUnavailable(f"{target.place} cannot be reached: {failure}.", reason="connection")

    async def _addresses(self, target: Target) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        if loop.time() - target.looked_up > _LOOK_UP_SECONDS:
            try:
                found = await loop.getaddrinfo(target.host, target.port, type=1)
            except (OSError, UnicodeError) as error:
                raise UpstreamUnavailable(f"'{target.host}' cannot be resolved.", reason="resolution") from error
            target.addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
            target.looked_up = loop.time()
        allowed = tuple(address for address in target.addresses if self._rule.allows(address))
        if target.addresses and not allowed:
            raise NotPermitted(
                f"'{target.host}' is {target.addresses[0]}, an address that deliveries may not go to.",
                address=target.addresses[0],
            )
        return allowed

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._trust()
        return self._tls

    def prune(self) -> None:
        """Close connections that have been idle for long."""
        limit = asyncio.get_running_loop().time() - _IDLE_SECONDS
        for target in self._targets.values():
            kept = [connection for connection in target.idle if connection.idle_since > limit]
            _close(connection for connection in target.idle if connection.idle_since <= limit)
            target.idle[:] = kept

    def close(self) -> None:
        """Close all idle connections."""
        for target in self._targets.values():
            _close(target.idle)
        self._targets.clear()


def _close(connections: Iterable[Connection]) -> None:
    for connection in connections:
        connection.close()


def _take_idle(target: Target, now: float) -> Connection | None:
    while target.idle:
        connection = target.idle.pop()
        if connection.is_open and now - connection.idle_since < _IDLE_SECONDS:
            return connection
        connection.close()
    return None


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return headers as they go over the wire; a line break inside a value becomes a blank."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not text.count("\r") == text.count("\n") == len(headers):
        text = "".join([f"{name}: {value.translate(_NOT_IN_A_LINE)}\r\n" for name, value in headers.items()])
    return text.encode("utf-8", "replace")


def _said(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    return "the connection was refused" if isinstance(error, ConnectionRefusedError) else str(error)[:200]
