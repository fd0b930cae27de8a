"""Runs the hub: nats-server first, then all processes of the Procfile; restarts what dies, stops all in order.

One thread, one loop: each turn sleeps until something happens, then asks every child what became of it. Nothing is
remembered between turns but the children's states, so a missed wake-up only makes a turn late.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from hub.up import logfiles, server
from hub.up.child import Child, command_of
from hub.up.plan import Plan
from hub.up.premises import Premises, occupy
from hub.up.report import Report
from hub.up.restarting import GiveUp, Restart, decide, describe
from hub.up.spawning import PlainSpawner, Spawner
from hub.up.statefile import StateFile, process_age_seconds
from hub.up.stopping import ask, await_end
from hub.up.wakeups import Wakeups

PROBE_INTERVAL_SECONDS = 0.01
LOG_CHECK_SECONDS = 60.0
RECOVERY_FACTOR = 10  # how much longer than a worker the event store may take to start
LINES_SHOWN = 15
INTERRUPTED = 130  # exit status after Ctrl-C


class Supervisor:
    """One run of the hub. Use once."""

    def __init__(
        self,
        plan: Plan,
        report: Report | None = None,
        *,
        spawner: Callable[[int], Spawner] = PlainSpawner,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Create the run.

        Args:
            plan: what to run.
            report: takes the lines for people; standard output by default.
            spawner: given the descriptor that children watch, returns the way to start them.
            env: environment of the workers; this process' own by default.
        """
        self._plan = plan
        self._report = report or Report(color=plan.color)
        self._make_spawner = spawner
        self._env = dict(os.environ if env is None else env)
        self._wakeups = Wakeups()
        self._began = time.monotonic() - process_age_seconds()
        self._children: list[Child] = []
        self._ready = False
        self._exit_code: int | None = None
        self._forced = False
        self._next_log_check = self._began + LOG_CHECK_SECONDS

    def run(self, parent_pipe: int | None = None) -> int:
        """Run until told to stop or a process is given up; return the exit status.

        Args:
            parent_pipe: when its other end is closed, whoever wanted the hub is gone, and the hub stops.

        Raises:
            HubError: the hub cannot start: lock, ports, directories, settings. Nothing was started then.
        """
        with ExitStack() as stack:
            stack.callback(self._wakeups.close)
            premises = occupy(self._plan, stack)
            self._children = self._cast(premises, stack)
            self._spawner = self._make_spawner(premises.pipe)
            stack.callback(self._spawner.close)
            self._state = StateFile(premises.paths, self._plan, self._children)
            stack.callback(self._state.remove)
            self._wakeups.on_readable(premises.notices.fileno(), lambda: self._hear(premises))
            self._wakeups.on_signals(self.stop)
            if parent_pipe is not None:
                self._wakeups.on_end(parent_pipe, self.stop)
            stack.callback(self._stop_all)
            while self._exit_code is None:
                self._turn()
        return self._exit_code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask for the end; asked again, everything is killed. For signal handlers and other threads."""
        interrupted = number == signal.SIGINT
        if self._exit_code is None:
            self._exit_code = INTERRUPTED if interrupted else 0
        elif not self._forced:
            self._forced = True
            self._exit_code = 128 + number
        self._wakeups.wake()

    def _cast(self, premises: Premises, stack: ExitStack) -> list[Child]:
        """Return all children, the event store first."""
        paths = premises.paths
        common = {
            **self._env,
            "HUB_DATA_DIR": str(paths.data_dir),
            "NOTIFY_SOCKET": str(premises.notices.path),
            "PYTHONUNBUFFERED": "1",  # the last line before a crash belongs in the log
        }
        own = [{"HUB_PROCESS": program.name} for program in self._plan.programs]
        for env, metrics in zip(own, self._plan.metrics, strict=False):  # there are none where each takes a free port
            env[metrics.port_setting] = str(metrics.port)
        workers = [
            Child(program.name, command_of(program), common | env, paths.log(program.name))
            for program, env in zip(self._plan.programs, own, strict=True)
        ]
        if self._plan.nats is None:
            return workers
        store = server.configure(paths, self._plan.nats, log_limit_bytes=self._plan.limits.log_limit_bytes)
        stack.callback(store.connection.unlink, missing_ok=True)
        env = {name: value for name, value in self._env.items() if not name.startswith("HUB_")}  # no secret of ours
        return [Child(server.NAME, store.command, env, store.log, store.answers, store.announce), *workers]

    def _turn(self) -> None:
        """Start what is due, sleep until something happens, then bring every child up to date."""
        self._start_due()
        self._state.write()
        self._wakeups.wait(self._sleep_seconds(), children=sum(child.pid is not None for child in self._children))
        for child in self._children:
            self._attend(child)
        if not self._ready and all(child.state == "ready" for child in self._children):
            self._ready = True
            self._state.become_ready(time.monotonic() - self._began)
            if remark := self._spawner.settle():
                self._report.say(remark)
            self._report.ready(self._state.seconds, self._state.listeners(), self._plan.data_dir)
        self._cut_logs()

    def _start_due(self) -> None:
        """Start what waits for its turn (workers: until the event store answers) and what died and is due again."""
        now = time.monotonic()
        for child in self._children:
            if self._exit_code is not None or (child.state == "waiting" and not self._may_start(child)):
                continue
            if child.state == "waiting" or (child.state == "restarting" and child.due <= now):
                self._start(child)

    def _may_start(self, child: Child) -> bool:
        """Return whether a child may start for the first time."""
        return child.probe is not None or all(
            other.state == "ready" for other in self._children if other.probe is not None
        )

    def _start(self, child: Child) -> None:
        try:
            child.start(self._spawner, self._plan.limits.log_limit_bytes)
        except OSError as error:
            self._give_up(child, f"it cannot be started ({error})")
            return
        if child.pid is not None:
            self._wakeups.watch(child.pid)

    def _sleep_seconds(self) -> float:
        """Return how long nothing can become due."""
        limits, now = self._plan.limits, time.monotonic()
        moments = [self._next_log_check]
        for child in self._children:
            if child.state == "restarting":
                moments.append(child.due)
            elif child.state == "starting" and not child.overdue:
                moments.append(now + PROBE_INTERVAL_SECONDS if child.probe else child.started + limits.start_seconds)
        return max(0.0, min(moments) - now)

    def _hear(self, premises: Premises) -> None:
        """Take in what workers said about themselves."""
        for notice in premises.notices.receive():
            for child in self._children:
                if child.pid == notice.pid and child.hear(notice):
                    self._report.change(child)

    def _attend(self, child: Child) -> None:
        """Notice death, readiness of the event store, and a start that takes too long."""
        pid = child.pid
        status = child.reap()
        if pid is not None and status is not None:
            self._wakeups.forget(pid)
            self._bury(child, pid, status)
        elif child.state == "starting" and child.probe is not None and child.probe():
            child.become_ready()
            self._report.change(child)
        elif child.state == "starting" and not child.overdue and child.age_seconds > self._patience(child):
            self._report.change(child, f"not ready after {child.age_seconds:.0f} s, killed")
            child.overdue = True
            child.signal(signal.SIGKILL)

    def _patience(self, child: Child) -> float:
        return self._plan.limits.start_seconds * (RECOVERY_FACTOR if child.probe else 1)

    def _bury(self, child: Child, pid: int, status: int) -> None:
        """Decide what becomes of a child that died without being asked to."""
        if self._exit_code is not None:
            child.state = "stopped"
            return
        limits = self._plan.limits
        decision = decide(
            status, served_seconds=child.served_seconds, quick_failures=child.quick_failures, limits=limits
        )
        match decision:
            case Restart(wait_seconds, quick_failures):
                child.state, child.due = "restarting", time.monotonic() + wait_seconds
                child.quick_failures, child.restarts = quick_failures, child.restarts + 1
                self._report.change(child, f"pid {pid} ended with {describe(status)}; again in {wait_seconds:.1f} s")
            case GiveUp(reason):
                self._give_up(child, reason)

    def _give_up(self, child: Child, reason: str) -> None:
        """End the hub loudly."""
        child.state = "stopped"
        self._report.failed(child.name, reason, child.log, logfiles.tail(child.log, LINES_SHOWN))
        self._exit_code = self._exit_code or 1
        self._wakeups.wake()

    def _cut_logs(self) -> None:
        if time.monotonic() < self._next_log_check:
            return
        self._next_log_check = time.monotonic() + LOG_CHECK_SECONDS
        for child in self._children:
            if child.probe is None:  # nats-server keeps its log within the limit itself
                logfiles.cut(child.log, self._plan.limits.log_limit_bytes)

    def _stop_all(self) -> None:
        """Stop the workers, then the event store."""
        if self._exit_code == INTERRUPTED:
            self._report.interrupted()
        seconds = self._plan.limits.stop_seconds
        for group in ([c for c in self._children if c.probe is None], [c for c in self._children if c.probe]):
            running = [child for child in group if child.pid is not None]
            ask(running)
            self._state.write()
            await_end(running, self._wakeups, seconds=seconds, forced=lambda: self._forced)
            for child in running:
                self._report.change(child)
            self._state.write()
