"""An answer that is whole at once, written at once.

ASGI sends head and body one after the other, which are two writes to the socket; on the way of a small answer through
the gateway that is a tenth of what all of it costs. So it is written past ASGI, on uvicorn's own object of the request.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

_WITHOUT_BODY = (204, 304)


def answer_whole(cycle: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
    """Write a whole answer; returns False, with nothing written, when it must go the ordinary way.

    Args:
        cycle: uvicorn's, of the request; nothing of the answer has been sent.
        status: 200 to 599.
        headers: clean names in lower case and values, without those of the connection.
        body: all of it; a missing `Content-Length` is added.
    """
    if cycle.disconnected or cycle.response_started or cycle.flow.write_paused:
        return False
    lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % pair for pair in headers)]
    if not _has_length(headers) and status not in _WITHOUT_BODY and cycle.scope["method"] != "HEAD":
        lines.append(b"content-length: %d\r\n" % len(body))
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"%b\r\n%b" % (head, body))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def _has_length(headers: list[tuple[bytes, bytes]]) -> bool:
    return b"content-length" in dict(headers)
