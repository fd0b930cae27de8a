"""What changes between caller and target: headers on the way in, headers and status on the way back. Pure.

Source: kyma-project/kyma:components/central-application-gateway/internal/proxy@2.20.0; RFC 9110 section 7.6.
"""

from urllib.parse import urljoin, urlsplit

from hub.gateway.model import DEFAULT_PORTS, Api, Pairs, Proof
from hub.kernel.errors import Misconfigured
from hub.kernel.workload import HEADER

Headers = list[tuple[bytes, bytes]]
"""Lower-case names and values, in order."""

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te",
     b"trailer", b"transfer-encoding", b"upgrade"}
)  # fmt: skip
OVERRIDE = b"access-token"
WORKLOAD = HEADER
"""Says to the gateway who calls; not for the target."""
FORWARDED = b"x-forwarded-for"
_NOT_PASSED = HOP_BY_HOP | {b"host", b"content-length", b"expect", FORWARDED, OVERRIDE, WORKLOAD}
_LOCATED = frozenset({201, *range(300, 400)})
_LINE_BREAKS = (b"\r", b"\n", b"\0")
SYSTEM_STATUS = b"target-system-status"


def named_by_connection(headers: Headers) -> frozenset[bytes]:
    """Return the further headers that belong to the connection, as `Connection` names them."""
    if b"connection" not in dict(headers):
        return frozenset()
    values = [value for name, value in headers if name == b"connection"]
    return frozenset(part.strip().lower() for value in values for part in value.split(b","))


def first(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of the first header of a name."""
    for each, value in headers:
        if each == name:
            return value
    return None


def own_token(headers: Headers) -> bytes | None:
    """Return the value of `Access-Token`: a caller that sends it authenticates itself."""
    return first(headers, OVERRIDE)


def to_target(headers: Headers, api: Api, proof: Proof, address: str) -> Headers:
    """Return the headers of the call.

    Args:
        headers: the caller's.
        api: its request parameters are added where the caller sends no header of that name.
        proof: replaces the caller's headers of the same names.
        address: the caller's, appended to `X-Forwarded-For`.
    """
    given, proven = dict(headers), dict(proof.headers)
    dropped, named = _NOT_PASSED, named_by_connection(headers)
    if named:
        dropped |= named - {b"close", b"keep-alive"}
    passed = [pair for pair in headers if pair[0] not in dropped and pair[0] not in proven]
    if api.parameters.headers:
        sent = HOP_BY_HOP.union(given, proven, (b"host", b"content-length"))
        passed += [pair for pair in api.parameters.headers if pair[0] not in sent]
    if proof.cookies:
        passed = with_cookies(passed, proof.cookies)
    forwarded = [value for name, value in headers if name == FORWARDED] if FORWARDED in given else []
    if address:
        forwarded.append(address.encode())
    if forwarded:
        passed.append((FORWARDED, b", ".join(forwarded)))
    passed += proof.headers
    return passed


def with_cookies(headers: Headers, cookies: Pairs) -> Headers:
    """Return headers whose cookies of these names are replaced; the caller's other cookies stay."""
    replaced = {name for name, _ in cookies}
    kept: list[bytes] = []
    for name, value in headers:
        if name == b"cookie":
            kept += [part.strip() for part in value.split(b";") if part.partition(b"=")[0].strip() not in replaced]
    kept += [b"%b=%b" % pair for pair in cookies]
    return [*(pair for pair in headers if pair[0] != b"cookie"), (b"cookie", b"; ".join(part for part in kept if part))]


def head_of(method: bytes, target: bytes, host: str, headers: Headers) -> bytes:
    """Return the head of a request as it goes over the wire.

    Raises:
        Misconfigured: a registered value holds a line break.
    """
    lines = [b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method, target, host.encode())]
    lines += [b"%b: %b\r\n" % pair for pair in headers]
    head = b"".join(lines)
    if head.count(b"\n") != len(headers) + 2 or head.count(b"\r") != len(headers) + 2 or b"\0" in head:
        raise Misconfigured("a registered credential or request parameter holds a line break; register it anew")
    return head + b"\r\n"


def is_clean(value: bytes) -> bool:
    """Say whether a value can stand in a header."""
    return not any(mark in value for mark in _LINE_BREAKS)


def to_caller(status: int, headers: Headers, api: Api, called: bytes) -> tuple[int, Headers]:
    """Return status and headers of the answer.

    A failure of the target is told apart from one of the gateway: 5xx becomes 502, the original in a header.

    Args:
        status: the target's.
        headers: the target's.
        api: the one that was called.
        called: path and query of the call.
    """
    named = named_by_connection(headers)
    dropped = HOP_BY_HOP | named if named else HOP_BY_HOP
    passed = [pair for pair in headers if pair[0] not in dropped]
    if status in _LOCATED:
        passed = [(name, relocated(value, api, called) if name == b"location" else value) for name, value in passed]
    if 500 <= status <= 599:
        passed.append((SYSTEM_STATUS, str(status).encode()))
        return 502, passed
    return status, passed


def relocated(location: bytes, api: Api, called: bytes) -> bytes:
    """Return a `Location` that leads through the gateway when it leads to the same API, else as it is.

    Compared by host name (the port does not count, as upstream) and by whole segments of the path: `/api/v10` is not
    below `/api/v1`.
    """
    text = location.decode("latin-1")
    try:
        parts = urlsplit(urljoin(f"{api.url.place}{called.decode('latin-1')}", text))
    except ValueError:
        return location
    base = api.url.path.decode("latin-1").removesuffix("/")
    if parts.scheme not in DEFAULT_PORTS or (parts.hostname or "") != api.url.place.host.lower():
        return location
    path = parts.path or "/"
    if path != base and not path.startswith(base + "/"):
        return location
    rest = path[len(base) :] + (f"?{parts.query}" if parts.query else "")
    rest += f"#{parts.fragment}" if parts.fragment else ""
    return api.names.path + rest.encode("latin-1")
