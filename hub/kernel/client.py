"""The NATS client, with two things of the library changed.

Headers are read faster: they are read for each event on the hot path. And what the event loop says of a socket that is
closed already (`RuntimeError`) is taken for what it is, a connection that broke. The library, until its reading
notices, raises it to whoever sends at that moment, though it keeps what it was given for the next connection; and where
it comes in the middle of reconnecting, the library stops doing so for ever.
"""

from typing import Any

from nats.aio.client import Client as LibraryClient

from hub.kernel.logger import log

_NAMES: dict[str, str] = {}
"""What stands before the colon → the name that it is, empty when it is none: there are few, and they come again."""
_MOST_NAMES = 1000
_LONGEST_NAME = 100


class Client(LibraryClient):
    """The library's client; what it reads and sends is the same."""

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        """Write what is pending, now or soon; what cannot be written goes with the next connection.

        Should the library rename this method, its own is used again.
        """
        try:
            return await super()._flush_pending(force_flush)
        except (OSError, RuntimeError) as error:
            log.debug("broker.broken", error=repr(error))

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except RuntimeError as error:
            raise ConnectionError(str(error)) from error  # which the library tries again

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Read `Name: value` lines; a line that is none, or whose name is no token, is passed over.

        Should the library rename this method, its own is used again.
        """
        headers = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            before, separator, value = line.partition(":")
            if not separator:
                continue
            name = _NAMES.get(before)
            if name is None:
                name = _name_of(before)
            if name:
                headers[name] = value.strip()
        return headers


def _name_of(before: str) -> str:
    words = before.split() if before.isascii() else []
    name = words[0] if len(words) == 1 else ""
    if len(_NAMES) < _MOST_NAMES and len(before) <= _LONGEST_NAME:
        _NAMES[before] = name
    return name
