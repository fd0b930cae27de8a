"""How the hub and a Function's process talk: length-prefixed frames over one Unix socket, many calls at once.

A frame is a prefix (length of what follows, kind, call, length of the header), a header of JSON and a body of bytes.
The call number says which invocation a frame belongs to, so answers may come in any order. An answer may come in parts:
its header says `more`, then come CHUNKs until END or BROKEN; the process sends no more than WINDOW_BYTES ahead of what
the hub has handed on. Pure: bytes in, frames out; both ends use this module, therefore it imports nothing but the
standard library. `node/frames.cjs` is the same for Node.
"""

import struct
from typing import Final, NamedTuple

# From the hub to the process.
INVOKE: Final = 1
CREDIT: Final = 2
CANCEL: Final = 3
BECOME: Final = 4
# From the process to the hub.
READY: Final = 16
LOAD_FAILED: Final = 17
ANSWER: Final = 18
RAISED: Final = 19
CHUNK: Final = 20
END: Final = 21
BROKEN: Final = 22
BEGUN: Final = 23
SPAN: Final = 24

WINDOW_BYTES: Final = 1024 * 1024
"""How much of an answer in parts may be under way; CREDIT frames say (in their header) how much more may come."""

LIMIT_BYTES: Final = 256 * 1024 * 1024
"""A longer frame means the two ends no longer agree; nothing legitimate comes near it."""

_PREFIX = struct.Struct("!IBII")
_SIZE = _PREFIX.size
_AFTER_LENGTH = _SIZE - 4
_unpack_prefix = _PREFIX.unpack_from


class Frame(NamedTuple):
    """One message between the hub and a Function's process."""

    kind: int
    call: int
    header: bytes = b""
    body: bytes = b""


_frame = tuple.__new__  # of four parts at hand, without the call of Python in between


def encode(frame: Frame) -> bytes:
    """Return a frame as bytes.

    Raises:
        ValueError: the frame is longer than `LIMIT_BYTES`.
    """
    kind, call, header, body = frame
    length = _AFTER_LENGTH + len(header) + len(body)
    if length > LIMIT_BYTES:
        raise ValueError(f"a frame of {length} bytes is longer than {LIMIT_BYTES}")
    return _PREFIX.pack(length, kind, call, len(header)) + header + body


class Decoder:
    """Puts frames together again, however the bytes were split on the way."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._parts: list[bytes] = []
        self._size = 0
        self._needed = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that are complete now, in order.

        Raises:
            ValueError: the bytes are no frames.
        """
        self._parts.append(chunk)
        self._size += len(chunk)
        if self._size < self._needed:  # a long frame: joining its parts once keeps the cost linear
            return []
        frames, rest = self._cut(b"".join(self._parts) if len(self._parts) > 1 else chunk)
        self._parts, self._size = ([rest], len(rest)) if rest else ([], 0)
        return frames

    def _cut(self, read: bytes) -> tuple[list[Frame], bytes]:
        frames: list[Frame] = []
        at, end = 0, len(read)
        self._needed = _SIZE
        while end - at >= _SIZE:
            length, kind, call, header_length = _unpack_prefix(read, at)
            if length > LIMIT_BYTES or length < _AFTER_LENGTH + header_length:
                raise ValueError(f"not a frame: length {length}, header length {header_length}")
            after = at + 4 + length
            if after > end:
                self._needed = after - at
                break
            header_at = at + _SIZE
            body_at = header_at + header_length
            frames.append(_frame(Frame, (kind, call, read[header_at:body_at], read[body_at:after])))
            at = after
        return frames, read[at:]
