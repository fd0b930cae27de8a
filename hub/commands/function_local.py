"""Runs a Function from its folder, without a hub: starts it anew when a file changes, prints its output and answers.

The same code runs it as in the hub, so what works here works there. Events it publishes are printed instead of stored.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hub.commands import function_project
from hub.commands.function_project import WORK, Project
from hub.commands.function_text import shown
from hub.commands.session import say
from hub.functions.api import answered
from hub.functions.environment import Values
from hub.functions.handlers import whole_of
from hub.functions.metering import Meter
from hub.functions.model import Answer, Invocation
from hub.functions.outcomes import error_of
from hub.functions.runtime import deployment
from hub.functions.runtime.deployment import Site
from hub.functions.runtime.revision import Revision
from hub.functions.runtime.worker import Worker
from hub.functions.settings import FunctionsSettings
from hub.functions.store import Secret
from hub.kernel.errors import HubError, UpstreamUnavailable
from hub.kernel.http.app import application, route
from hub.kernel.http.server import Listener
from hub.kernel.settings import ListenerSettings

_LOOK_SECONDS = 0.2
_ANSWER_BYTES = 64 * 1024
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class NoValues:
    """Stands for the Secrets and ConfigMaps of a hub: there are none on a developer's machine."""

    def secrets(self, name: str) -> Secret | None:
        """Return no Secret."""
        return None

    def look_up(self, kind: str, name: str) -> Values | None:
        """Return no values."""
        return None


class Local:
    """A Function that runs from its folder."""

    def __init__(self, directory: Path, settings: FunctionsSettings, port: int) -> None:
        """Prepare; `serve` and `start` do the work."""
        self._directory = directory
        self._settings = settings.model_copy(update={"idle_seconds": 0.0})
        self._generation = 0
        self._current: Revision | None = None
        self._log_at = 0
        routes = [route("/publish", self._publish, ["POST"]), route("/{path:path}", self._call, _METHODS)]
        self._listener = Listener("function", ListenerSettings(host="127.0.0.1", port=port), application(routes))

    @property
    def address(self) -> str:
        """Return where the Function is called."""
        return self._listener.address

    @property
    def _log(self) -> Path:
        return deployment.log_file(self._directory / WORK, "default", "local")

    async def open(self) -> None:
        """Listen for calls."""
        await self._listener.open()

    async def close(self) -> None:
        """End everything."""
        await self._listener.close()
        if self._current is not None:
            await self._current.worker.stop(0)

    async def start(self) -> bool:
        """Start the Function as its files are now; what ran before goes on when that fails. Says whether it runs."""
        began = time.monotonic()
        try:
            project = function_project.read(self._directory)
            revision = await self._started(project)
        except HubError as error:
            self.print_log()
            say(f"✗ {error.detail}")
            return False
        before, self._current = self._current, revision
        if before is not None:
            await before.worker.stop(0)
        note = f"; {revision.plan.note}" if revision.plan.note else ""
        say(f"✓ ready after {time.monotonic() - began:.2f} s at {self.address}/{note}")
        return True

    async def _started(self, project: Project) -> Revision:
        self._generation += 1
        function = project.resource(self._generation)
        function = replace(function, name="local", scope="default", spec=_with_own_values(function.spec))
        site = Site((self._directory / WORK).resolve(), f"{self.address}/publish", self.address, self._settings)
        deployment.check(function)
        plan = await deployment.plan(function, site, NoValues())
        plan.environment["FUNC_NAME"] = project.name
        launch = replace(await deployment.prepare(plan, site, say), least=1)
        worker = Worker(launch, self._settings, lambda error: say(f"✗ {error.detail}") if error else None)
        await worker.start()
        return Revision(function, plan.digest, worker, Meter(launch.label), (), plan)

    async def feed(self, path: Path) -> bool:
        """Call the Function with an event from a file, print its answer, and say whether it succeeded."""
        if self._current is None:
            return False
        began = time.perf_counter()
        called = Invocation({"content-type": "application/cloudevents+json"}, await asyncio.to_thread(path.read_bytes))
        answer: Answer | HubError
        try:
            launch = self._current.worker.launch
            answer = await whole_of(await self._current.worker.invoke(called, launch.timeout_seconds), _ANSWER_BYTES)
        except HubError as error:
            answer = error
        milliseconds = (time.perf_counter() - began) * 1000
        self.print_log()
        body = "" if isinstance(answer, HubError) else answer.body.decode(errors="replace")
        problem = error_of(answer)
        say(f"{'✗' if problem else '✓'} {path.name} → {answer.status} {problem or body}  ({milliseconds:.1f} ms)")
        return not problem

    def print_log(self) -> None:
        """Print what the Function has printed since the last time."""
        for line in self._new_lines():
            say(f"  {shown(line)}")

    def _new_lines(self) -> Iterator[str]:
        try:
            with self._log.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._log_at:  # it has been turned over
                    self._log_at = 0
                file.seek(self._log_at)
                read = file.read()
        except FileNotFoundError:
            return
        whole = read[: read.rfind(b"\n") + 1]
        self._log_at += len(whole)
        yield from whole.decode(errors="replace").splitlines()

    async def _call(self, request: Request) -> Response:
        if self._current is None:
            raise UpstreamUnavailable("The Function does not run; see the terminal for the reason.")
        response = await answered(self._current, request, request.url.path, _told)
        self.print_log()
        say(f"  {request.method} {request.url.path} → {response.status_code}")
        return response

    async def _publish(self, request: Request) -> Response:
        event = await request.json()
        data = json.dumps(event.get("data"), ensure_ascii=False)
        say(f"→ published {event.get('type')} from {event.get('source')}: {data[:500]}")
        return Response(status_code=204)


def _with_own_values(spec: dict[str, Any]) -> dict[str, Any]:
    """Take what comes from Secrets and ConfigMaps in the hub from the developer's own environment."""
    entries = [
        {"name": entry["name"], "value": os.environ.get(entry["name"], "")} if entry.get("valueFrom") else entry
        for entry in spec.get("env") or []
    ]
    return {name: value for name, value in spec.items() if name != "secretMounts"} | {"env": entries}


def _told(_revision: Revision, _called: Invocation, answer: Answer | HubError, _seconds: float) -> None:
    say(f"✗ {error_of(answer)}")


async def run(directory: Path, settings: FunctionsSettings, *, port: int, events: list[Path], once: bool) -> int:
    """Run a Function from its folder until interrupted, or once; returns the exit status."""
    local = Local(directory, settings, port)
    await local.open()
    try:
        before = _state(directory)  # taken first: a change during the round is a change
        fine = await _round(local, directory, events)
        if once:
            return 0 if fine else 1
        say("  files are watched; end with Ctrl+C")
        await _watch(local, directory, events, before)
    finally:
        await local.close()
    return 0


async def _round(local: Local, directory: Path, events: list[Path]) -> bool:
    if not await local.start():
        return False
    chosen = events or list(function_project.read(directory).events())
    return all([await local.feed(path) for path in chosen])


async def _watch(local: Local, directory: Path, events: list[Path], before: dict[str, float]) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        local.print_log()
        now = await asyncio.to_thread(_state, directory)
        if now != before:
            before = now
            await _round(local, directory, events)


def _state(directory: Path) -> dict[str, float]:
    return Project(directory, {}, ()).watched()
