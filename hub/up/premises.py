"""What a hub occupies while it runs: the data directory's lock, the ports, the notify socket, the pipe to its children.

Everything that can be refused is refused here, before anything is started.
"""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass

from hub.up import lock, ports, server
from hub.up.paths import Paths
from hub.up.plan import Plan
from hub.up.readiness import NotifySocket

LEFTOVER_SECONDS = 2.0  # how long the children of a hub that was killed may still hold their ports
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Premises:
    """What the supervisor holds; given back by the stack it was taken with."""

    paths: Paths
    notices: NotifySocket
    pipe: int


def occupy(plan: Plan, stack: ExitStack) -> Premises:
    """Take everything, to be given back when the stack is closed.

    Raises:
        HubError: the directory cannot be written, another hub runs on it, or a port is taken.
    """
    paths = Paths(plan.data_dir)
    paths.prepare()
    stack.callback(os.close, lock.acquire(paths.lock))
    _await_leftovers(plan, paths)
    ports.check((*plan.listeners, *plan.metrics))
    notices = NotifySocket(paths.run)
    stack.callback(notices.close)
    pipe, writer = os.pipe()
    stack.callback(os.close, pipe)
    stack.callback(os.close, writer)
    return Premises(paths, notices, pipe)


def _await_leftovers(plan: Plan, paths: Paths) -> None:
    """After a hub that was killed, give its children the moment they need to die and free their ports."""
    if not paths.state.exists():
        return
    wanted = [(listener.host, listener.port) for listener in (*plan.listeners, *plan.metrics) if listener.port]
    kept = server.kept_port(paths)
    wanted += [(server.HOST, kept)] if kept and plan.nats else []
    limit = time.monotonic() + LEFTOVER_SECONDS
    while time.monotonic() < limit and not all(ports.is_free(port, host) for host, port in wanted):
        time.sleep(POLL_SECONDS)
    paths.state.unlink(missing_ok=True)
