"""The small parts of the supervisor that need no hub: plan, log files, guard, report."""

import os
import subprocess
import sys
from pathlib import Path

from hub.up import logfiles
from hub.up.child import Child
from hub.up.client import remove
from hub.up.plan import Limits, Listener, Nats, Plan, Program
from hub.up.report import Report
from tests.up.conftest import is_alive, until


def test_a_plan_survives_its_journey_to_the_supervisor(tmp_path: Path) -> None:
    """Nothing is lost between `hub up` and the program it becomes."""
    plan = Plan(
        tmp_path,
        (Program("edge", "hub run ingress"),),
        (Listener("edge", "https", "::", 8443, "HUB_EDGE"),),
        (Listener("metrics of edge", "http", "::", 9090, "HUB_METRICS", "BASE_PORT"),),
        Nats(4222, "always"),
        Limits(quick_failures=3),
        color=True,
    )

    assert plan == Plan.from_json(plan.to_json())
    assert Plan(tmp_path, (), nats=None) == Plan.from_json(Plan(tmp_path, (), nats=None).to_json())


def test_the_supervisor_imports_the_standard_library_only() -> None:
    """It lives as long as the hub and must stay small."""
    program = "import sys, hub.up.__main__; print(sorted(name.partition('.')[0] for name in sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert not {"'pydantic'", "'typer'", "'asyncio'", "'nats'", "'faststream'", "'structlog'"} & set(said.split(", "))


def test_a_large_log_is_set_aside_at_the_start(tmp_path: Path) -> None:
    """A small one is continued; there is at most one older file."""
    log = tmp_path / "edge.log"
    log.write_text("x" * 100)

    logfiles.set_aside(log, 100)
    assert log.exists()
    logfiles.set_aside(log, 99)

    assert not log.exists()
    assert (tmp_path / "edge.log.1").read_text() == "x" * 100


def test_a_large_log_is_cut_while_it_is_written(tmp_path: Path) -> None:
    """The writer goes on in the emptied file."""
    log = tmp_path / "edge.log"
    with log.open("a", buffering=1) as writer:
        writer.write("before\n" * 100)
        logfiles.cut(log, 50)
        writer.write("after\n")

    assert log.read_text() == "after\n"
    assert (tmp_path / "edge.log.1").stat().st_size == 700


def test_the_last_lines_of_a_log_are_shown_whatever_is_in_it(tmp_path: Path) -> None:
    """Also of a huge one, and of one that is not text; none of one that is not there."""
    log = tmp_path / "edge.log"
    log.write_bytes(b"\xff line\n" * 10_000 + b"last\n")

    assert logfiles.tail(log, 2) == ["\ufffd line", "last"]
    assert logfiles.tail(tmp_path / "absent", 2) == []


def test_the_guard_ends_its_program_with_the_supervisor() -> None:
    """Where the kernel has no parent-death signal, the end of the pipe does the same."""
    reader, writer = os.pipe()
    sleeper = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
    guard = subprocess.Popen(
        [sys.executable, "-m", "hub.up.guard", *sleeper],
        env={**os.environ, "HUB_PARENT_PIPE": str(reader)},
        pass_fds=(reader,),
        stdout=subprocess.PIPE,
    )
    os.close(reader)
    assert guard.stdout is not None
    pid = int(guard.stdout.readline())

    os.close(writer)

    assert guard.wait(15) == 137
    until(lambda: not is_alive(pid))


def test_color_is_for_terminals(tmp_path: Path) -> None:
    """The same line, with and without."""
    plain: list[str] = []
    colored: list[str] = []
    child = Child("edge", (), {}, tmp_path / "edge.log", state="ready", ready_after_seconds=1.234, status="all well")

    Report(plain.append).change(child)
    Report(colored.append, color=True).change(child)

    assert plain == ["edge         ready       1.23 s  all well"]
    assert "\x1b[32mready      \x1b[0m" in colored[0]


def test_a_directory_into_which_somebody_still_writes_is_removed(tmp_path: Path) -> None:
    """Processes of a hub that was killed write until they are dead."""
    place = tmp_path / "hub"
    place.mkdir()
    program = (
        "import sys, time\nend = time.monotonic() + 1\nnumber = 0\n"
        "while time.monotonic() < end: number += 1; open(f'{sys.argv[1]}/{number}', 'w').close(); time.sleep(0.0002)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(place)], stderr=subprocess.DEVNULL):
        until(lambda: len(list(place.iterdir())) > 100)
        remove(place)
    assert not place.exists()
