"""What a worker tells whoever supervises it, and how it notices that nobody does any more.

The words are systemd's (sd_notify): the same worker runs unmodified under `hub up` and as a unit with `Type=notify`.
Without NOTIFY_SOCKET nothing is sent.
"""

import json
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

SOCKET_VARIABLE = "NOTIFY_SOCKET"
PARENT_VARIABLE = "HUB_PARENT_PIPE"


def notify(
    *, ready: bool = False, stopping: bool = False, status: str = "", listeners: Mapping[str, str] | None = None
) -> None:
    """Tell the supervisor; says nothing when there is none or it does not listen.

    Args:
        ready: the process serves from now on.
        stopping: the process has begun to stop.
        status: one line for people.
        listeners: name and address of each port that is served; `hub up` shows them, systemd passes over them.
    """
    address = os.environ.get(SOCKET_VARIABLE)
    if not address:
        return
    lines = [f"MAINPID={os.getpid()}"]
    lines += ["READY=1"] if ready else []
    lines += ["STOPPING=1"] if stopping else []
    lines += [f"STATUS={' '.join(status.split())}"] if status else []
    lines += [f"X_LISTENERS={json.dumps(dict(listeners))}"] if listeners else []
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        # A leading @ is systemd's spelling of Linux' abstract namespace.
        sender.sendto("\n".join(lines).encode(), "\0" + address[1:] if address.startswith("@") else address)


def watch_parent(on_death: Callable[[], None]) -> None:
    """Call back on the running event loop when the supervisor is gone; does nothing without a supervisor."""
    descriptor = os.environ.get(PARENT_VARIABLE, "")
    if not descriptor.isdigit():
        return
    import asyncio

    loop = asyncio.get_running_loop()
    pipe = int(descriptor)

    def gone() -> None:
        loop.remove_reader(pipe)
        on_death()

    with suppress(OSError):  # a descriptor that is not ours: started by hand with a stale environment
        os.set_inheritable(pipe, False)
        loop.add_reader(pipe, gone)
