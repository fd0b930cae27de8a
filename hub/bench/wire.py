"""Reads HTTP/1.1 as far as a load generator and a counting sink need it: head, status, Content-Length. Pure.

Nothing more is understood, and what is not understood is refused loudly: a benchmark that guesses measures nothing.
"""

END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_CHUNKED = b"\r\ntransfer-encoding:"
_WITHOUT_BODY = (204, 304)


class NotUnderstoodError(ValueError):
    """The other end speaks something that this reader was not made for."""


def head_of(received: bytes) -> tuple[bytes, int]:
    """Return the head in lower case and the number of bytes up to the end of its body; b"" and 0 when incomplete.

    Raises:
        NotUnderstoodError: the body's length is not said by Content-Length.
    """
    end = received.find(END)
    if end < 0:
        return b"", 0
    head = received[: end + 2].lower()
    at = head.find(_LENGTH)
    if at < 0:
        if _CHUNKED in head:
            raise NotUnderstoodError("a chunked body; only Content-Length is read here")
        return head, end + len(END)
    length = head[at + len(_LENGTH) : head.find(b"\r\n", at + 2)]
    whole = end + len(END) + int(length)
    return (head, whole) if len(received) >= whole else (b"", 0)


def status_of(received: bytes) -> tuple[int, int]:
    """Return status and length of a response; 0 and 0 when it is incomplete.

    Raises:
        NotUnderstoodError: it is no HTTP/1.1 response, or one with a chunked body.
    """
    head, length = head_of(received)
    if not length:
        return 0, 0
    if head[:9] != b"http/1.1 " or not head[9:12].isdigit():
        raise NotUnderstoodError(f"an answer that begins with {received[:20]!r}")
    status = int(head[9:12])
    if status in _WITHOUT_BODY:
        return status, received.find(END) + len(END)
    return status, length


def value_of(head: bytes, name: bytes) -> bytes:
    """Return a header of a lower-cased head, b"" when it is not there."""
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    return head[start : head.find(b"\r\n", start)].strip()
