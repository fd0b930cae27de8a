"""Are the ports free? Asked before anything starts, and for all of them at once.

The check binds without SO_REUSEPORT, so it also notices a listener that shares its port.
"""

import errno
import os
import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from hub.kernel.errors import AlreadyExists
from hub.up.plan import Listener

LISTEN = "0A"  # state of a listening socket in /proc/net/tcp
# Below what Linux, macOS and Windows hand out by themselves: until it is bound, a port from there may become anybody's.
_RARELY_GIVEN = range(20_000, 32_000)
_TRIES = 50


def check(listeners: Iterable[Listener]) -> None:
    """Return when every listener can bind; port 0 always can.

    Raises:
        AlreadyExists: at least one cannot; the text names each with its setting.
    """
    complaints = [text for listener in listeners if (text := _complaint(listener))]
    if complaints:
        raise AlreadyExists(" ".join(complaints))


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether the port can be bound now."""
    return _refusal(host, port) is None


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that was free a moment ago, and that the system gives to nobody who asks for any port."""
    for port in random.SystemRandom().sample(_RARELY_GIVEN, _TRIES):
        if is_free(port, host):
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def holder(port: int) -> str | None:
    """Return `name, pid 123` of the program that listens on a port; None where the system does not say."""
    directory = _place_of_holder(port)
    if directory is None:
        return None
    with suppress(OSError):
        return f"{(directory / 'comm').read_text().strip()}, pid {directory.name}"
    return None


def worker(port: int) -> str | None:
    """Return `hub run …, pid 123` when that is a worker of a hub, started by itself; None when it is anything else."""
    directory = _place_of_holder(port)
    if directory is None:
        return None
    with suppress(OSError):
        words = (directory / "cmdline").read_text().rstrip("\0").split("\0")
        if "run" in words and "hub" in (Path(word).name for word in words[: words.index("run")]):
            return f"hub {' '.join(words[words.index('run') :])}, pid {directory.name}"
    return None


def _place_of_holder(port: int) -> Path | None:
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (directory / "fd").iterdir()):
                return directory
    return None


def _complaint(listener: Listener) -> str | None:
    if listener.port == 0:
        return None
    code = _refusal(listener.host, listener.port)
    if code is None:
        return None
    if code == errno.EADDRINUSE:
        who = holder(listener.port)
        return (
            f"Port {listener.port} of the listener '{listener.name}' is taken"
            f"{f' ({who})' if who else ''}; free it or set {listener.port_setting}."
        )
    return (
        f"The listener '{listener.name}' cannot bind {listener.host}:{listener.port} ({os.strerror(code)});"
        f" correct {listener.setting}__HOST or {listener.port_setting}."
    )


def _refusal(host: str, port: int) -> int | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
            probe.bind(address)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EADDRINUSE
    return None


def _listening_inodes(port: int) -> set[str]:
    """Return the sockets listening on a port, spelled as the links in /proc/<pid>/fd."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{columns[9]}]")
    return found
