"""Calls of a Function by events, several in one request on the bus, and their answers.

What the bus costs per message is more than what a short Function costs, so the events that are ready at the same
moment go together. Each is a call of its own all the same: with its own headers, answer and outcome, answered as soon
as it is known, in a reply with whatever else is known then. Bytes here, so that nobody on the way needs to read what he
only hands on.

Request: the header `Hub-Together`, and a body of calls, each a prefix (length of the headers, length of the data), the
headers as a JSON object, the data. Reply: a JSON list of `[place in the request, status]`, of failures
`[place, status, error on one line, beginning of the answer]`. An empty list is a sign of life: some of the calls are
still at work. It comes every `SIGN_SECONDS` for calls that take longer than that.
"""

import struct
from collections.abc import Iterable
from typing import Final

TOGETHER: Final = "Hub-Together"
"""Header of a request with several calls; its value is how many they are."""
TIMEOUT: Final = "Hub-Timeout"
"""Header: seconds that each of the calls may take."""
EXCERPT_BYTES: Final = 4000
"""As much of the answer of a failure is told."""

SIGN_SECONDS: Final = 1.5
AT_WORK: Final = b"[]"
"""The sign of life."""

_PREFIX = struct.Struct("!II")


def pack(calls: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return calls as the body of a request.

    Args:
        calls: headers as a JSON object, and data.
    """
    return b"".join([_PREFIX.pack(len(headers), len(data)) + headers + data for headers, data in calls])


def unpack(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the calls in a request, headers as a JSON object that nobody has looked at, and data.

    Raises:
        ValueError: the body is not what `pack` returns.
    """
    calls, at, end = [], 0, len(body)
    while at < end:
        if end - at < _PREFIX.size:
            raise ValueError("the last call is cut off")
        headers, data = _PREFIX.unpack_from(body, at)
        begin = at + _PREFIX.size
        middle, at = begin + headers, begin + headers + data
        if at > end:
            raise ValueError("the last call is cut off")
        calls.append((body[begin:middle], body[middle:at]))
    return calls
