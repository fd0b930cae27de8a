"""What a Function cannot do to the machine, to the hub, or to another Function."""

import ctypes
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hub.functions.model import Invocation, Limits
from hub.functions.runtime.groups import make_group
from hub.functions.runtime.programs import fenced
from hub.kernel.errors import UpstreamUnavailable
from tests.functions.conftest import Bench, event_headers, until

MIB = 1024 * 1024
CALL = Invocation(event_headers(), b"{}")
PROBE = {
    "python": """
import os

def attempt(action):
    try:
        action()
        return "done"
    except OSError as error:
        return type(error).__name__

def main(event, context):
    mine, other = os.path.join(os.getcwd(), "new"), %r
    return {
        "own": attempt(lambda: open(mine, "w").close()),
        "read": attempt(lambda: open(other).read()),
        "write": attempt(lambda: open(other, "w").close()),
        "list": attempt(lambda: os.listdir(os.path.dirname(other))),
        "remove": attempt(lambda: os.remove(other)),
        "kill": attempt(lambda: os.kill(os.getppid(), 0)),
        "system": attempt(lambda: open("/etc/hosts").read()),
    }
""",
    "node": """
const fs = require('fs'), path = require('path');
function attempt(action) { try { action(); return 'done'; } catch (error) { return 'PermissionError'; } }
module.exports = { main: () => {
  const mine = path.join(process.cwd(), 'new'), other = %r;
  return {
    own: attempt(() => fs.writeFileSync(mine, '')),
    read: attempt(() => fs.readFileSync(other)),
    write: attempt(() => fs.writeFileSync(other, '')),
    list: attempt(() => fs.readdirSync(path.dirname(other))),
    remove: attempt(() => fs.unlinkSync(other)),
    kill: attempt(() => process.kill(process.ppid, 0)),
    system: attempt(() => fs.readFileSync('/etc/hosts')),
  };
} };
""",
}


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; 0 for none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(int(libc.syscall(444, None, 0, 1)), 0)


def limits_for(bench: Bench, **changes: Any) -> Limits:
    """Return limits that fence a Function into its own directory."""
    home = bench.directory / f"revision-{len(bench.workers)}"
    return fenced(Limits(**changes), readable=(), writable=(str(home), str(bench.log.parent / "logs")))


@pytest.mark.skipif(landlock_version() < 1, reason="the kernel has no Landlock")
async def test_files_of_others_are_out_of_reach(bench: Bench, interpreter: str) -> None:
    """A Function reads and writes its own directory and reads the system; nothing else, whatever its user may."""
    secret = bench.directory / "hub" / "master.key"
    secret.parent.mkdir()
    secret.write_text("key")
    logs = bench.log.parent / "logs"
    logs.mkdir()
    family = "node" if interpreter else "python"
    prefix = (str(Path(interpreter).parent.parent),) if interpreter else ()
    limits = limits_for(bench)
    limits = fenced(limits, readable=prefix, writable=limits.writable)
    worker = await bench.start(
        PROBE[family] % str(secret), node=interpreter, limits=limits, log=str(logs / "output.log")
    )
    said = json.loads((await worker.invoke(CALL, 10)).body)
    refused = dict.fromkeys(("read", "write", "list", "remove"), "PermissionError")
    allowed = {"own": "done", "system": "done"}
    signals = {"kill": "PermissionError" if landlock_version() >= 6 else "done"}
    assert refused | allowed | signals == said
    assert secret.read_text() == "key"


async def test_a_memory_bomb_costs_the_invocation(bench: Bench) -> None:
    """One that asks for too much at once gets an error; the process goes on."""
    worker = await bench.start(
        f"def main(event, context):\n    return str(len(bytearray(event['data'] * {MIB})))\n",
        limits=Limits(memory_bytes=64 * MIB),
    )
    pids = worker.pids
    bomb = await worker.invoke(Invocation(event_headers(), b"2000"), 10)
    assert bomb.failure is not None and bomb.failure.type == "MemoryError"
    assert (await worker.invoke(Invocation(event_headers(), b"1"), 10)).body == str(MIB).encode()
    assert pids == worker.pids


async def test_growing_without_limit_ends_the_process_and_no_other(bench: Bench, interpreter: str) -> None:
    """The calls in hand fail and may be tried again; the next one finds a new process, others never notice."""
    source = {
        "python": """
            kept = []

            def main(event, context):
                while event["data"] == "grow":
                    kept.append(b"x" * 1000000 + str(len(kept)).encode())
                return "fine"
        """,
        "node": """
            const kept = [];
            module.exports = { main: (event) => {
              while (event.data === 'grow') kept.push(new Array(100000).fill(Math.random()));
              return 'fine';
            } };
        """,
    }["node" if interpreter else "python"]
    worker = await bench.start(source, node=interpreter, limits=Limits(memory_bytes=128 * MIB))
    other = await bench.start("def main(event, context):\n    return 'other'\n")
    try:
        answer = await worker.invoke(Invocation(event_headers(), b'"grow"'), 60)
        assert answer.failure is not None and answer.failure.type == "MemoryError"
    except UpstreamUnavailable as error:
        assert error.retry
    assert (await other.invoke(CALL, 10)).body == b"other"
    assert (await worker.invoke(CALL, 30)).body == b"fine"


async def test_a_fork_bomb_is_held(bench: Bench) -> None:
    """A process of a Function starts no more processes than it may; they all end with it."""
    group = make_group("probe", Limits())
    usable = bool(group.files) or os.getuid() != 0
    group.remove()
    if not usable:
        pytest.skip("neither control groups nor a user's limit can be had here")
    worker = await bench.start(
        """
        import os, time

        def main(event, context):
            number = 0
            try:
                while number < 500:
                    if os.fork() == 0:
                        time.sleep(60)
                        os._exit(0)
                    number += 1
            except BlockingIOError:
                return str(number)
            return "never held"
        """,
        limits=Limits(processes=64),
    )
    answer = await worker.invoke(CALL, 30)
    assert answer.body.isdigit() and int(answer.body) < 64
    await worker.stop(0)

    def running() -> list[Path]:
        return [path for path in Path("/proc").glob("[0-9]*/cwd") if _points_to(path, worker.launch.source)]

    await until(lambda: not running())


def _points_to(link: Path, directory: str) -> bool:
    try:
        return str(link.readlink()) == directory
    except OSError:
        return False


async def test_files_left_open_end_at_the_limit(bench: Bench) -> None:
    """A leak of descriptors is an error in the Function, not in the machine."""
    worker = await bench.start(
        "import os\n\ndef main(event, context):\n    kept = [open('/dev/null') for _ in range(100)]\n",
        limits=Limits(open_files=64),
    )
    answer = await worker.invoke(CALL, 10)
    assert answer.failure is not None and "Too many open files" in answer.failure.message


def test_control_groups_of_the_second_generation_get_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory and processes are limited from the start, the processor once the handler is loaded."""
    own = Path("/proc/self/cgroup").read_text()
    unified = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
    if unified is None:
        pytest.skip("this machine has control groups of the first generation only")
    base = tmp_path / unified.lstrip("/")
    base.mkdir(parents=True, exist_ok=True)
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    for name in ("cgroup.controllers", "cgroup.subtree_control"):
        (base / name).write_text("cpu memory pids")
    made_files(monkeypatch)
    group = make_group("default.orders", Limits(memory_bytes=7, cpus=0.5, processes=9), tmp_path)
    (directory,) = {Path(file).parent for file in group.files}
    assert [(directory / name).read_text() for name in ("memory.max", "pids.max", "cpu.max")] == ["7", "9", ""]
    group.throttle()
    assert (directory / "cpu.max").read_text() == "50000 100000"


def made_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each new directory hold the files that the kernel makes in a control group."""
    make = Path.mkdir

    def mkdir(path: Path, *rest: Any, **named: Any) -> None:
        make(path, *rest, **named)
        for name in ("cgroup.procs", "cgroup.subtree_control", "memory.max", "pids.max", "cpu.max"):
            (path / name).touch()

    monkeypatch.setattr(Path, "mkdir", mkdir)
