"""The process from which workers are forked while the hub starts: it imports once what each of them would import.

Four interpreters that each import the libraries cost three times the time and three times the memory of one that does
and is forked four times. `python -m hub.up.zygote DESCRIPTOR`: requests come over that socket, see preloading.py.
It has one thread and opens nothing before it forks, so that a fork is a faithful copy.
"""

import ctypes
import gc
import json
import os
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from hub.up.spawning import die_with

PR_SET_NAME = 15
ORPHANED_SECONDS = 0.0005
REQUEST_BYTES = 1 << 20


def main(descriptor: int) -> None:
    """Import, then serve requests until the supervisor closes the socket; returns or raises in forked workers too."""
    supervisor = os.getppid()
    connection = socket.socket(fileno=descriptor)
    _preload()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit("a library started a thread when it was imported; a fork would not copy it")
    gc.collect()
    gc.freeze()  # what is here now is never looked at again, so its memory stays shared
    connection.send(b"ready")
    while True:
        request, files, _, _ = socket.recv_fds(connection, REQUEST_BYTES, 1)
        if not request:
            return
        worker = _fork_worker(supervisor)
        if worker == 0:
            connection.close()
            _become(json.loads(request), files[0])
            return
        os.close(files[0])
        connection.send(str(worker).encode())


def _preload() -> None:
    """Import what workers need: the command line and every room."""
    from hub.house import ROOMS

    upper = ("cli", "layout", "tracing.recording", "up.health", "up.logs", "up.serving")
    for name in (*(f"hub.{part}" for part in upper), "hub.kernel.messages", "hub.kernel.http.server"):
        import_module(name)
    for room in ROOMS:
        import_module(f"hub.{room}.room")


def _fork_worker(supervisor: int) -> int:
    """Return the worker's pid, and 0 in the worker, which is then a child of the supervisor.

    The process between the two ends at once, so the worker falls to the supervisor, its nearest adopter (subreaper).
    """
    reader, writer = os.pipe()
    between = os.fork()
    if between:
        os.close(writer)
        with os.fdopen(reader) as file:
            text = file.read()
        os.waitpid(between, 0)
        return int(text)
    worker = os.fork()
    if worker:
        os.write(writer, str(worker).encode())
        os._exit(0)
    os.close(reader)
    os.close(writer)
    _await_adoption(supervisor)
    return 0


def _await_adoption(supervisor: int) -> None:
    first = os.getppid()
    while os.getppid() == first != supervisor:
        time.sleep(ORPHANED_SECONDS)
    arrange = die_with(supervisor)
    if arrange:
        arrange()


def _become(request: dict[str, Any], log: int) -> None:
    """Turn this fork into the worker: its surroundings first, then the command line as if called by a shell."""
    os.setpgid(0, 0)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    os.environ.clear()
    os.environ.update(request["env"])
    ctypes.CDLL(None).prctl(PR_SET_NAME, f"hub {request['env']['HUB_PROCESS']}".encode()[:15], 0, 0, 0)
    sys.argv = ["hub", *request["arguments"]]
    import_module("hub.cli").main()


if __name__ == "__main__":
    main(int(sys.argv[1]))
