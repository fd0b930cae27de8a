"""Headers on their way to a Function and back: handed on as they came, as far as they may be. Pure."""

import re
from collections.abc import Iterator, Mapping

import orjson

# What belongs to one connection, or is set by the listener itself, is not passed through.
_OWN = frozenset({
    "connection", "content-length", "date", "keep-alive", "server", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_LINE_BREAK = re.compile(r"[\r\n\0]+")
_TRACEPARENT = b'"traceparent":"'
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def passed_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return the headers of a Function's answer that its caller gets; none can break out of its line."""
    for name, value in headers.items():
        if name.lower() not in _OWN and _NAME.fullmatch(name):
            yield name, _LINE_BREAK.sub(" ", value).encode("latin-1", "replace").decode("latin-1")


class EncodedHeaders(Mapping[str, str]):
    """The headers of an event as a JSON object; a call that succeeds needs none of them here."""

    __slots__ = ("_read", "encoded")

    def __init__(self, encoded: bytes) -> None:
        """Keep them as they came."""
        self.encoded = encoded
        self._read: dict[str, str] | None = None

    @property
    def traceparent(self) -> str:
        """Return the trace context without reading the rest; no value holds the quotes that are looked for."""
        begin = self.encoded.find(_TRACEPARENT) + len(_TRACEPARENT)
        return self.encoded[begin : begin + 55].decode("latin-1") if begin >= len(_TRACEPARENT) else ""

    @property
    def _fields(self) -> dict[str, str]:
        if self._read is None:
            self._read = orjson.loads(self.encoded)
        return self._read

    def __getitem__(self, name: str) -> str:
        """Return a field's value."""
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._fields)

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._fields)
