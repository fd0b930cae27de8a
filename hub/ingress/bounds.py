"""How large an event's attributes may be: what the event store and its readers can hold. Pure.

nats-server ends the connection of whoever sends a longer subject, and with it every event under way; it stores no more
than 64 KiB of headers, of which dead letters need some for their reason.
"""

from collections.abc import Mapping

from contracts.envelope import PREFIX
from hub.kernel.errors import InvalidInput

SUBJECT_BYTES = 2048
"""Source and type together, as they stand in the subject."""
HEADER_BYTES = 48 * 1024
"""All attributes, as headers."""


def check_subject(subject: bytes, source: str, event_type: str) -> None:
    """Refuse a source or type that is too long.

    Raises:
        InvalidInput: naming the longer one.
    """
    if len(subject) > SUBJECT_BYTES:
        name, text = max(("source", source), ("type", event_type), key=lambda pair: len(pair[1].encode()))
        raise InvalidInput(
            f"{name}: has {len(text.encode())} bytes; source and type together may have {SUBJECT_BYTES},"
            " percent-encoded where a subject needs it."
        )


def check_headers(headers: Mapping[str, str], addressed: bytes) -> None:
    """Refuse attributes that are too large together.

    Args:
        headers: by name, encoded.
        addressed: further lines, within their own bounds.

    Raises:
        InvalidInput: naming the largest one.
    """
    size = len(addressed) + sum(len(name) + len(value) + 4 for name, value in headers.items())
    if size > HEADER_BYTES:
        attributes = [name for name in headers if name.startswith(PREFIX)]
        name = max(attributes, key=lambda each: len(each) + len(headers[each]))
        raise InvalidInput(
            f"{name}: the event has {len(attributes)} attributes of {size} bytes together as headers; at most"
            f" {HEADER_BYTES} are accepted, and this is the largest one. Large content belongs into the data."
        )
