"""The socket on which workers say that they are ready, in systemd's words (sd_notify)."""

import json
import os
import shutil
import socket
import struct
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_ADDRESS = 100  # the kernel's limit is 108 bytes on Linux, 104 elsewhere
DATAGRAM_BYTES = 8192
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid of the sender, as Linux attaches them


@dataclass(frozen=True)
class Notice:
    """What a process said about itself."""

    pid: int
    ready: bool = False
    stopping: bool = False
    status: str = ""
    listeners: dict[str, str] = field(default_factory=dict)


class NotifySocket:
    """A datagram socket below the run directory, or in a short temporary one when that path is too long."""

    def __init__(self, directory: Path) -> None:
        """Bind the socket."""
        self._temporary: str | None = None
        path = directory / "notify.sock"
        if len(os.fsencode(path)) > LONGEST_ADDRESS:
            self._temporary = tempfile.mkdtemp(prefix="hub-")
            path = Path(self._temporary) / "notify.sock"
        path.unlink(missing_ok=True)
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.setblocking(False)
        if sys.platform == "linux":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> list[Notice]:
        """Return what has arrived, without waiting."""
        notices = []
        with suppress(BlockingIOError):
            while True:
                datagram, ancillary, _, _ = self._socket.recvmsg(DATAGRAM_BYTES, socket.CMSG_SPACE(CREDENTIALS.size))
                sender = CREDENTIALS.unpack(ancillary[0][2])[0] if ancillary else 0
                notices.append(parse(datagram, sender))
        return notices

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        self.path.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)


def parse(datagram: bytes, sender: int) -> Notice:
    """Return what a datagram says; unknown and malformed lines are passed over, as systemd does.

    Args:
        datagram: lines of `NAME=value`.
        sender: process id as the kernel saw it, for a datagram without MAINPID.
    """
    fields = dict(line.partition("=")[::2] for line in datagram.decode(errors="replace").split("\n"))
    main = fields.get("MAINPID", "")
    return Notice(
        pid=int(main) if main.isascii() and main.isdigit() else sender,
        ready=fields.get("READY") == "1",
        stopping=fields.get("STOPPING") == "1",
        status=fields.get("STATUS", ""),
        listeners=_listeners(fields.get("X_LISTENERS", "")),
    )


def _listeners(text: str) -> dict[str, str]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(url) for name, url in document.items()} if isinstance(document, dict) else {}
