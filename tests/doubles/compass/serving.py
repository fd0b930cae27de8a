"""The two listeners: server TLS for tokens and the admin, mutual TLS for certificates; and the faults a test orders.

The peer's certificate is read from the connection itself; no header can stand in for it.
"""

import asyncio
import contextlib
import hashlib
import json
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from graphql import GraphQLError, build_schema, execute_sync, parse, validate

from tests.doubles.compass.authority import Authority, refusal, subject_of
from tests.doubles.compass.director import Director
from tests.doubles.compass.world import Node, Refused, SystemAuth, World, internal

HERE = Path(__file__).parent
ADMIN = "admin-token"
_EMPTY_ARGUMENTS = re.compile(r"(?<=\w)\(\s*\)")
"""Older agents send `configuration()`, which the grammar forbids and the old parser took."""
Headers = dict[str, str]


@dataclass
class Fault:
    """What happens to the next calls that a word of their document matches."""

    word: str = ""
    surface: str = "director"
    status: int | None = None
    body: str = ""
    change: Callable[[Node], Any] | None = None
    """Changes the answer, or returns another one."""
    seconds: float = 0.0
    held: asyncio.Event | None = None
    """The answer waits for it."""
    drop: bool = False
    times: int = 1
    secured: bool | None = None
    """Only with (or without) a client certificate."""


@dataclass
class Compass:
    """A running Compass."""

    world: World = field(default_factory=World)
    authority: Authority = field(default_factory=Authority)
    faults: list[Fault] = field(default_factory=list)
    calls: list[tuple[str, str, Headers]] = field(default_factory=list)
    """Surface, document and headers of every call."""
    addresses: Node = field(default_factory=lambda: {"directorURL": None, "certificateSecuredConnectorURL": None})
    port: int = 0
    secured_port: int = 0
    _answers: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read the schemas."""
        texts = {name: (HERE / f"{name}.graphql").read_text() for name in ("director", "connector")}
        self.schemas = {name: build_schema(text) for name, text in texts.items()}

    @property
    def connector_url(self) -> str:
        """Return the address for one-time tokens."""
        return f"https://localhost:{self.port}/connector/graphql"

    @property
    def director_url(self) -> str:
        """Return the address for the admin."""
        return f"https://localhost:{self.port}/director/graphql"

    def secured_url(self, surface: str) -> str:
        """Return an address for certificates."""
        return f"https://localhost:{self.secured_port}/{surface}/graphql"

    async def start(self, port: int = 0, secured_port: int = 0) -> None:
        """Listen, on free ports unless told which."""
        plain, mutual = self._context(clients=False), self._context(clients=True)
        for context, wanted in ((plain, port), (mutual, secured_port)):
            server = await asyncio.start_server(self._serve, "localhost", wanted, ssl=context, family=2)
            self._servers.append(server)
        self.port, self.secured_port = (server.sockets[0].getsockname()[1] for server in self._servers)
        self.addresses = {
            "directorURL": self.secured_url("director"),
            "certificateSecuredConnectorURL": self.secured_url("connector"),
        }

    async def stop(self) -> None:
        """Close every connection and listener; the state stays, and `start` with the same ports goes on with it."""
        for server in self._servers:
            server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def _context(self, *, clients: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain, key = self.authority.server()
        with tempfile.NamedTemporaryFile() as file:
            file.write(key + chain)
            file.flush()
            context.load_cert_chain(file.name)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.authority.pem.decode())
        return context

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (call := await _read(reader)) is not None:
                path, headers, body = call
                await self._answer(writer, path, headers, body)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, path: str, headers: Headers, body: bytes) -> None:
        surface = path.strip("/").partition("/")[0]
        peer = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        request = json.loads(body)
        document = request["query"]
        self.calls.append((surface, document, headers))
        fault = self._fault(surface, document, secured=peer is not None)
        if fault is not None and fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.held is not None:
            await fault.held.wait()
        if fault is not None and fault.drop:
            writer.transport.abort()
            return
        if fault is not None and fault.status is not None:
            await _reply(writer, fault.status, fault.body.encode(), "text/html")
            return
        status, answer = self._ask(surface, peer, headers, request)
        if fault is not None and fault.change is not None:
            copy = json.loads(answer)
            answer = json.dumps(fault.change(copy) or copy).encode()
        await _reply(writer, status, answer, "application/json")

    def _fault(self, surface: str, document: str, *, secured: bool) -> Fault | None:
        for fault in self.faults:
            meant = fault.surface == surface and fault.word in document and fault.secured in (None, secured)
            if meant and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _ask(self, surface: str, peer: bytes | None, headers: Headers, request: Node) -> tuple[int, bytes]:
        if surface == "connector":
            auth = self._by_certificate(peer) or self.world.use_token(headers.get("connector-token", ""))
            return self._execute(surface, request, _connector(self, auth, secured=peer is not None, peer=peer))
        auth = self._by_certificate(peer)
        tenant = headers.get("tenant") or (auth.tenant if auth else "")
        admin = peer is None and headers.get("authorization") == f"Bearer {ADMIN}"
        if auth is None and not admin:
            return 401, _refused("Unauthorized [reason=invalid bearer token]", "Unauthorized", 26)
        if auth is not None and tenant != auth.tenant:
            return 400, _refused(f"Tenant not found [externalTenant={tenant}]", "TenantNotFound", 25)
        if auth is not None:
            self.world.seen(auth)
        suggested = headers.get("suggest_token") == "true"
        key = (json.dumps(request, sort_keys=True), auth.id if auth else "", self.world.version, self.world.page_cap)
        if key not in self._answers:
            root = Director(self.world, auth, tenant, self.connector_url, suggested=suggested).root()
            answered = self._execute(surface, request, root)
            if "mutation" in request["query"]:
                return answered
            self._answers[key] = answered
        found: tuple[int, bytes] = self._answers[key]
        return found

    def _by_certificate(self, peer: bytes | None) -> SystemAuth | None:
        if peer is None or hashlib.sha256(peer).hexdigest() in self.world.revoked:
            return None
        names = x509.load_der_x509_certificate(peer).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return self.world.auths.get(str(names[0].value)) if names else None

    def _execute(self, surface: str, request: Node, root: Node) -> tuple[int, bytes]:
        try:
            document = parse(_EMPTY_ARGUMENTS.sub("", request["query"]))
        except GraphQLError as error:
            return 422, json.dumps({"errors": [{"message": error.message}], "data": None}).encode()
        if problems := validate(self.schemas[surface], document):
            return 422, json.dumps({"errors": [{"message": each.message} for each in problems], "data": None}).encode()
        result = execute_sync(
            self.schemas[surface], document, root, variable_values=request.get("variables"),
            operation_name=request.get("operationName"),
        )  # fmt: skip
        answer: Node = {"data": result.data}
        if result.errors:
            answer["errors"] = [_error(each) for each in result.errors]
        return 200, json.dumps(answer).encode()


def _connector(compass: Compass, auth: SystemAuth | None, *, secured: bool, peer: bytes | None) -> Node:
    def admitted() -> SystemAuth:
        if auth is None:
            raise refusal(
                "Failed to authenticate request. Token authentication error: token not found. "
                "Certificate authentication error: certificate not found."
            )
        return auth

    def configuration(_info: Any) -> Node:
        owner = admitted()
        return {
            "token": {"token": compass.world.next_token(owner)},
            "certificateSigningRequestInfo": {"subject": subject_of(owner.id), "keyAlgorithm": "rsa2048"},
            "managementPlaneInfo": compass.addresses,
        }

    def sign(_info: Any, csr: str) -> Node:
        return compass.authority.sign(csr, admitted().id)

    def revoke(_info: Any) -> bool:
        admitted()
        if not secured or peer is None:
            raise refusal("Failed to authenticate with certificate")
        compass.world.revoked.add(hashlib.sha256(peer).hexdigest())
        return True

    return {"configuration": configuration, "signCertificateSigningRequest": sign, "revokeCertificate": revoke}


def _error(error: GraphQLError) -> Node:
    original, message = error.original_error, error.message
    if original is not None and not isinstance(original, Refused):
        original = internal(message)
        message = str(original)
    return {"message": message, "path": error.path, "extensions": getattr(original, "extensions", {})}


def _refused(message: str, name: str, code: int) -> bytes:
    error = {"message": message, "extensions": {"error": name, "error_code": code}}
    return json.dumps({"errors": [error], "data": None}).encode()


async def _read(reader: asyncio.StreamReader) -> tuple[str, Headers, bytes] | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    path = head[0].split(" ")[1]
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return path, headers, await reader.readexactly(int(headers.get("content-length", "0")))


async def _reply(writer: asyncio.StreamWriter, status: int, body: bytes, media_type: str) -> None:
    head = f"HTTP/1.1 {status} Answer\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


@contextlib.asynccontextmanager
async def running(port: int = 0, secured_port: int = 0) -> AsyncIterator[Compass]:
    """Run a Compass for the length of a block."""
    compass = Compass()
    await compass.start(port, secured_port)
    try:
        yield compass
    finally:
        await compass.stop()


__all__ = ["ADMIN", "Compass", "Fault", "Refused", "running"]
