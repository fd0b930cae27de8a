"""How a started interpreter becomes the process of one Function: told over the socket, confined, then in its own place.

Until then it has run nothing but this program and knows nothing of any Function, so one that waits may become any of
them. From here on everything is as if it had been started for this one: environment, working directory, limits,
control group, files it may touch. What is no Python is executed in its place. Runs inside the Function's process:
standard library only.
"""

import json
import os
import socket
import time
from typing import Any

from hub.functions.runtime import confine, frames
from hub.functions.runtime.frames import Frame

_READ_BYTES = 65_536


def become(channel: socket.socket) -> dict[str, Any] | None:
    """Wait for what to become, and become it.

    Returns:
        The set-up of the Function; None when the hub has gone away or needs this process no more. Returns never when
        another program takes its place.
    """
    confine.die_with_parent()
    setup = _told(channel)
    if setup is None:
        return None
    os.environ.clear()
    os.environ.update(setup["environment"])
    time.tzset()
    os.chdir(setup["source"])
    confine.confine(setup["limits"])
    channel.sendall(frames.encode(Frame(frames.BEGUN, 0)))
    if setup["program"]:
        _execute(setup, channel)
    return setup


def _told(channel: socket.socket) -> dict[str, Any] | None:
    decoder = frames.Decoder()
    while chunk := channel.recv(_READ_BYTES):
        for frame in decoder.feed(chunk):
            told: dict[str, Any] = json.loads(frame.header)
            return told
    return None


def _execute(setup: dict[str, Any], channel: socket.socket) -> None:
    channel.set_inheritable(True)
    log = os.open(setup["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execv(setup["program"][0], setup["program"])  # noqa: S606 - no shell is wanted
