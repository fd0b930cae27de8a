"""From the path a caller used to the API it means and the path at the target. Pure.

What follows the names goes to the target as it came: escapes, dots, empty segments, colons, the trailing slash.
Upstream trims slashes and takes `sap:x` for a scheme; neither is copied. A path that climbs above the API's own is
refused: it would carry the API's credentials to another one.

Source: kyma-project/kyma:components/central-application-gateway/internal/proxy@2.20.0
"""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

from hub.gateway.model import DEFAULT_PORTS, Names, Pairs, Place, Url
from hub.kernel.errors import InvalidInput, Misconfigured

SAFE = "-_.~$&+,:;=@"
"""What stays literal in a segment when paths are encoded anew; letters and digits do in any case."""

_NOT_IN_A_LINE = re.compile(rb"[\x00-\x20\x7f-\xff]")
_LITERAL = re.compile(rb"[/A-Za-z0-9._~$&+,:;=@-]*")
"""Paths that encoding anew would not change."""
_ONE_DOT = {b".", b"%2e"}
_TWO_DOTS = {b"..", b".%2e", b"%2e.", b"%2e%2e"}


def split_path(raw_path: bytes, *, with_entry: bool) -> tuple[Names, bytes]:
    """Return which API a path means and the rest, which is empty or begins with a slash.

    Raises:
        InvalidInput: a name is missing.
    """
    wanted = 3 if with_entry else 2
    parts = raw_path.split(b"/", wanted + 1)
    named = parts[1 : wanted + 1]
    if len(named) < wanted or b"" in named:
        form = "/{application}/{service}/{entry}" if with_entry else "/{application}/{service}"
        raise InvalidInput(f"failed to extract API Identifier from path; it must begin with {form}")
    rest = b"/" + parts[-1] if len(parts) > wanted + 1 else b""
    return Names(*[part.decode("latin-1") for part in named]), rest


def path_at_target(base: bytes, rest: bytes, *, encode: bool) -> bytes:
    """Return the path at the target: the API's own and the rest, with exactly one slash between them.

    Args:
        base: path of the API's address.
        rest: empty, or what follows the names, with its slash.
        encode: whether to decode each segment and encode it anew.

    Raises:
        InvalidInput: the rest climbs above the base.
    """
    if not rest:
        return base or b"/"
    if b"." in rest or b"%2" in rest:
        _need_below(rest)
    if encode and not _LITERAL.fullmatch(rest):
        rest = b"/".join(_encoded(segment) for segment in rest.split(b"/"))
    return base.removesuffix(b"/") + rest


def _encoded(segment: bytes) -> bytes:
    # Segment by segment, so that an escaped slash stays what it is: part of a name.
    return quote_from_bytes(unquote_to_bytes(segment), safe=SAFE).encode()


def _need_below(rest: bytes) -> None:
    depth = 0
    for segment in rest.lower().replace(b"\\", b"/").replace(b"%2f", b"/").replace(b"%5c", b"/").split(b"/")[1:]:
        name = segment.partition(b";")[0]
        if name in _TWO_DOTS:
            depth -= 1
        elif name not in _ONE_DOT:
            depth += 1
        if depth < 0:
            raise InvalidInput("the path climbs above the API that it names; remove the '..' segments")


def query_at_target(base: bytes, given: bytes, added: Pairs) -> bytes:
    """Return the query at the target: the API's own, the caller's, and parameters the caller does not send."""
    parts = [part for part in (base, given) if part]
    if added:
        sent = {unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")) for pair in given.split(b"&")}
        parts += [b"%b=%b" % (_quoted(name), _quoted(value)) for name, value in added if name not in sent]
    return b"&".join(parts)


def _quoted(value: bytes) -> bytes:
    return quote_from_bytes(value, safe="").encode()


def parse_url(text: str, what: str) -> Url:
    """Return a registered address taken apart.

    Args:
        text: the address.
        what: which one it is, for the message.

    Raises:
        Misconfigured: it cannot be called.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        host = (parts.hostname or "").encode("ascii" if ":" in (parts.hostname or "") else "idna").decode()
    except (ValueError, UnicodeError) as error:
        raise Misconfigured(f"the {what} is not an address; register it anew") from error
    if parts.scheme not in DEFAULT_PORTS or not host or port == 0:
        raise Misconfigured(f"the {what} must begin with http:// or https:// and name a host; register it anew")
    if parts.username is not None:
        raise Misconfigured(f"the {what} holds a user name; register credentials instead")
    place = Place("https" if parts.scheme == "https" else "http", host, port or DEFAULT_PORTS[parts.scheme])
    return Url(place, _on_the_wire(parts.path), _on_the_wire(parts.query))


def _on_the_wire(text: str) -> bytes:
    return _NOT_IN_A_LINE.sub(lambda found: b"%%%02X" % found.group()[0], text.encode())
