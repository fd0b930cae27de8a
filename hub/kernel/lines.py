"""Subjects and headers as they go over the wire to nats-server. Pure."""

from collections.abc import Mapping

from hub.kernel.errors import InvalidInput

_LINE_ENDS = {ord("\r"): " ", ord("\n"): " "}


def subject_line(subject: str) -> bytes:
    """Return a subject as it goes over the wire.

    Raises:
        InvalidInput: it is empty or holds white space, which would end it early.
    """
    if subject.split() != [subject]:
        raise InvalidInput(f"{subject!r} is no subject: it is empty or holds white space.")
    return subject.encode()


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return headers as lines; line ends within a value become blanks, so that a value cannot add a header."""
    return b"".join(
        f"{name}: {value.translate(_LINE_ENDS).strip()}\r\n".encode() for name, value in headers.items() if name
    )
