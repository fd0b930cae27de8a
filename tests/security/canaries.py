"""Made-up secrets that stand out, and every form in which one could lie somewhere."""

import base64
import secrets
from collections.abc import Iterator
from urllib.parse import quote


def canary(name: str) -> str:
    """Return a new secret of this name; it holds what encodings change."""
    return f"canary-{name}-{secrets.token_hex(8)}/+~?"


def forms_of(value: bytes) -> Iterator[bytes]:
    """Iterate over the plain value and its encodings: quoted, JSON, hexadecimal, base64 at each of three offsets."""
    yield value
    yield quote(value, safe="").encode()
    yield value.replace(b"/", b"\\/")
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for offset in range(3):
        # The letters that depend on what stands before and behind are cut off.
        inner = base64.b64encode(b"\0" * offset + value)[4 if offset else 0 : -4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found_in(content: bytes, canaries: dict[str, bytes]) -> list[str]:
    """Return the names of the secrets that a content holds, in whatever form."""
    return [name for name, value in canaries.items() if any(form in content for form in forms_of(value))]
