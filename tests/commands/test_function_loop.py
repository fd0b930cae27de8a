"""`hub function new`, `run` and `deploy`: from the first line to production through the command line alone."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from hub.commands import function_project
from hub.kernel.errors import AlreadyExists, InvalidInput, NotFound
from tests.functions.conftest import node_path
from tests.functions.test_commands import command
from tests.functions.test_deployment import Hub, hub

__all__ = ["hub"]  # the fixture

PROGRAM = "from hub.commands.function import app; app()"


async def need(runtime: str) -> None:
    """Skip where the runtime's interpreter is missing."""
    if runtime == "node":
        await node_path()


def environment(directory: Path) -> dict[str, str]:
    """Return the environment of a developer without a hub."""
    return {**os.environ, "HUB_DATA_DIR": str(directory / "none"), "PYTHONUNBUFFERED": "1"}


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own."""
    command_line = [sys.executable, "-c", PROGRAM, *arguments]
    root = Path(__file__).parents[2]
    own = environment(directory) | {"PYTHONPATH": str(root)}
    return subprocess.run(command_line, cwd=directory, env=own, capture_output=True, text=True, timeout=60, check=False)


class Watched:
    """`hub function run`, running: its lines, as they come."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        """Start it."""
        own = environment(directory) | {"PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", PROGRAM, "run", *arguments],
            cwd=directory, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.seen: list[str] = []
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, pattern: str, limit_seconds: float = 30) -> "re.Match[str]":
        """Wait for a line."""
        limit = time.monotonic() + limit_seconds
        while time.monotonic() < limit:
            try:
                self.seen.append(self._lines.get(timeout=0.2))
            except Empty:
                assert self.process.poll() is None, self.seen
                continue
            if found := re.search(pattern, self.seen[-1]):
                return found
        raise AssertionError(f"no line with {pattern!r}: {self.seen}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder to work in, outside of the directories of the hub."""
    made = tmp_path / "work"
    made.mkdir()
    yield made


@pytest.mark.parametrize("runtime", ["python", "node"])
async def test_a_new_function_runs_at_once(folder: Path, runtime: str) -> None:
    """What `new` writes can be run as it is: the event is fed, the output and the answer are printed."""
    await need(runtime)
    made = run(folder, "new", "orders", "--runtime", runtime)
    assert made.returncode == 0, made.stderr
    assert {"function.yaml", "order.json", ".gitignore"} <= {Path(line).name for line in made.stdout.splitlines()}
    ran = run(folder, "run", "orders", "--once")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"✓ ready after \d\.\d\d s", ran.stdout)
    assert re.search(r"out \S+ example-1  order 7", ran.stdout)
    assert re.search(r'✓ order\.json → 200 \{"checked": ?7\}', ran.stdout)


def test_a_failing_event_is_exit_status_1(folder: Path) -> None:
    """In a pipeline `run --once` is a test: the error has its line."""
    run(folder, "new", "orders")
    (folder / "orders" / "handler.py").write_text("def main(event, context):\n    return 1 / 0\n")
    ran = run(folder, "run", "orders", "--once")
    assert ran.returncode == 1
    assert "✗ order.json → 500 ZeroDivisionError: division by zero (handler.py, line 2)" in ran.stdout


def test_the_loop_starts_anew_at_each_change(folder: Path) -> None:
    """A saved file is seen, run and answered; a broken one says why, and what ran before goes on answering."""
    run(folder, "new", "orders")
    handler = folder / "orders" / "handler.py"
    watched = Watched(folder, "orders")
    try:
        address = watched.until(r"ready after .* at (http://\S+)/")[1]
        watched.until(r"order\.json → 200")
        handler.write_text("def main(event, context):\n    return 'second'\n")
        watched.until(r"order\.json → 200 second")
        handler.write_text("def main(event, context:\n")
        watched.until(r"✗ .*SyntaxError.*handler\.py, line 1")
        with urllib.request.urlopen(f"{address}/any", timeout=10) as response:
            assert response.read() == b"second"
        handler.write_text(
            "def main(event, context):\n    event.emitCloudEvent('order.checked.v1', 'orders', {'id': 9})\n"
        )
        watched.until(r"→ published order\.checked\.v1 from orders: \{\"id\": 9\}")
    finally:
        watched.process.terminate()
        watched.process.wait(10)


async def test_a_function_is_deployed_broken_fixed_and_called(hub: Hub, folder: Path) -> None:
    """`deploy` waits until the Function answers; a source that cannot run is exit status 1 with the reason, and the
    last good one goes on."""
    project = folder / "orders"
    function_project.create(project, "orders", "python")
    (project / "handler.py").write_text("def main(event, context):\n    return 'first'\n")
    deployed = await command(hub, "deploy", str(project))
    assert (deployed.exit_code, deployed.stdout.split(" after")[0]) == (0, "function/orders created")
    (project / "handler.py").write_text("def main(event, context:\n")
    broken = await command(hub, "deploy", str(project))
    assert broken.exit_code == 1 and "SyntaxError" in broken.stderr and "Revision 1 still answers" in broken.stderr
    assert (await command(hub, "invoke", "orders", "--data", "{}")).stdout == "first\n"
    (project / "handler.py").write_text("def main(event, context):\n    return 'fixed'\n")
    (project / "other.py").write_text("")
    fixed = await command(hub, "deploy", str(project))
    assert fixed.exit_code == 0 and "other.py is not sent" in fixed.stderr
    assert (await command(hub, "invoke", "orders", "--data", "{}")).stdout == "fixed\n"
    listed = json.loads((await command(hub, "list", "-o", "json")).stdout)["items"][0]
    assert (listed["status"]["live"]["instances"], listed["status"]["live"]["calls"]) == (1, 2)


def test_a_folder_with_something_in_it_is_not_written_over(tmp_path: Path) -> None:
    """`new` refuses; names and runtimes that are none are refused as well, and nothing is written."""
    function_project.create(tmp_path / "orders", "orders", "nodejs24")
    with pytest.raises(AlreadyExists):
        function_project.create(tmp_path / "orders", "orders", "python")
    for name, runtime in (("Not A Name", "python"), ("orders", "cobol")):
        with pytest.raises(InvalidInput):
            function_project.create(tmp_path / "other", name, runtime)
    assert not (tmp_path / "other").exists()


def test_a_folder_that_is_none_says_what_is_missing(tmp_path: Path) -> None:
    """Manifest and handler are asked for, and must fit each other."""
    with pytest.raises(NotFound, match=r"no function\.yaml"):
        function_project.read(tmp_path)
    (tmp_path / "function.yaml").write_text("metadata: {name: orders}\nspec: {runtime: nodejs22}\n")
    with pytest.raises(NotFound, match=r"neither handler\.py nor handler\.js"):
        function_project.read(tmp_path)
    (tmp_path / "handler.py").write_text("")
    with pytest.raises(InvalidInput, match=r"handler\.py is not what runtime nodejs22 runs"):
        function_project.read(tmp_path)
    (tmp_path / "function.yaml").write_text("a: b: c")
    with pytest.raises(InvalidInput, match="cannot be read"):
        function_project.read(tmp_path)
