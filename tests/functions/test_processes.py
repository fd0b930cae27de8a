"""A Function runs in a process of its own: what it does, suffers and prints concerns nobody else."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.functions.environment import at_rest_environment
from hub.functions.model import Answer, Invocation
from hub.kernel.errors import HubError, InvalidInput, UpstreamUnavailable
from tests.functions.conftest import QUICK, Bench, event_headers, until

CALL = Invocation(headers=event_headers(), body=b'{"id": 7}')


def alive(pid: int) -> bool:
    """Say whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def said(data: str) -> Invocation:
    """Return an invocation with a text as data."""
    return Invocation(headers=event_headers(), body=json.dumps(data).encode())


async def test_a_handler_that_raises_is_answered_500_with_type_and_line(bench: Bench) -> None:
    """The caller gets no details; the failure has the error's type, text, file and line, the log the traceback."""
    answer = await bench.answer("""
        def main(event, context):
            raise ValueError("order 7 is odd")
    """)
    assert (answer.status, answer.body) == (500, b"Internal server error")
    assert answer.failure is not None
    assert answer.failure.sentence() == "ValueError: order 7 is odd (handler.py, line 3)"
    logged = bench.log.read_text()
    assert "Traceback" in logged and "hub/functions" not in logged


async def test_exiting_fails_one_invocation_only(bench: Bench) -> None:
    """`sys.exit()` in a handler is a failure like any other; the process goes on."""
    worker = await bench.start("import sys\n\ndef main(event, context):\n    sys.exit(3)\n")
    pids = worker.pids
    assert (await worker.invoke(CALL, 5)).status == 500
    assert pids == worker.pids


async def test_a_call_that_takes_too_long_is_ended_and_the_next_one_works(bench: Bench) -> None:
    """After its time the caller gets 408, the process is gone, another one answers."""
    worker = await bench.start("""
        import time

        def main(event, context):
            while event["data"] == "long":
                pass
            return "short"
    """)
    (first,) = worker.pids
    late = await worker.invoke(said("long"), 0.2)
    assert late.status == 408 and late.failure is not None
    assert (await worker.invoke(said("short"), 5)).body == b"short"
    await until(lambda: not alive(first))


async def test_a_time_out_ends_no_other_call(bench: Bench) -> None:
    """Calls that share the process with one that takes too long are finished."""
    worker = await bench.start("""
        import time

        def main(event, context):
            time.sleep(event["data"])
            return "done"
    """)
    slow = asyncio.ensure_future(worker.invoke(Invocation(headers=event_headers(), body=b"30"), 0.3))
    other = asyncio.ensure_future(worker.invoke(Invocation(headers=event_headers(), body=b"0.6"), 5))
    assert [(await slow).status, (await other).status] == [408, 200]
    assert (await worker.invoke(Invocation(headers=event_headers(), body=b"0"), 5)).body == b"done"


async def test_a_process_that_dies_costs_only_the_calls_in_hand(bench: Bench) -> None:
    """Calls in hand fail at once and may be tried again; the next call finds a new process."""
    worker = await bench.start("""
        import os, time

        def main(event, context):
            if event["data"] == "die":
                os._exit(7)
            time.sleep(30 if event["data"] == "wait" else 0)
            return "fine"
    """)
    waiting = asyncio.ensure_future(worker.invoke(said("wait"), 20))
    began = time.monotonic()
    with pytest.raises(UpstreamUnavailable, match="during the invocation") as died:
        await worker.invoke(said("die"), 20)
    with pytest.raises(UpstreamUnavailable):
        await waiting
    assert died.value.retry and time.monotonic() - began < 5
    assert (await worker.invoke(said("go"), 5)).body == b"fine"


async def test_a_process_that_keeps_dying_is_started_after_growing_pauses(bench: Bench) -> None:
    """While it is down calls are refused at once, and the Function's owner is told when loading fails."""
    worker = await bench.start("""
        import os, pathlib
        seen = pathlib.Path("seen")
        if seen.exists():
            raise RuntimeError("not again")
        seen.touch()

        def main(event, context):
            os._exit(1)
    """)
    with pytest.raises(UpstreamUnavailable):
        await worker.invoke(CALL, 5)
    await until(lambda: len(bench.reports) >= 3)
    assert isinstance(bench.reports[0], InvalidInput) and "not again" in bench.reports[0].detail
    with pytest.raises(HubError, match=r"not running|keeps ending"):
        await worker.invoke(CALL, 5)


async def test_a_syntax_error_is_reported_with_its_line(bench: Bench) -> None:
    """A source that does not compile starts nothing; the error has line and message."""
    with pytest.raises(InvalidInput, match=r"SyntaxError: .*\(handler.py, line 3\)") as refused:
        await bench.start("def main(event, context):\n    pass\ndef broken(:\n")
    assert tuple(refused.value.fields[name] for name in ("reason", "line", "passing")) == (
        "HandlerLoadFailed",
        3,
        False,
    )


BAD_SOURCES = {
    "no_main": ("x = 1\n", "no function 'main"),
    "import": ("import there_is_no_such_module\n", r"ModuleNotFoundError.*line 1"),
    "exit": ("import sys\nsys.exit('enough')\n", "SystemExit: enough"),
    "dies": ("import os\nos._exit(9)\n", r"ended( with exit status 9)? while its handler was being loaded"),
}


@pytest.mark.parametrize(("source", "said"), BAD_SOURCES.values(), ids=BAD_SOURCES.keys())
async def test_a_handler_that_cannot_be_loaded_is_refused_with_the_reason(bench: Bench, source: str, said: str) -> None:
    """Whatever goes wrong while loading ends in one error, and no process stays."""
    with pytest.raises(HubError, match=said):
        await bench.start(source)


async def test_a_handler_that_loads_for_ever_is_given_up(bench: Bench) -> None:
    """Loading has its own time limit."""
    with pytest.raises(UpstreamUnavailable, match=r"longer than 0\.2 s"):
        await bench.start("while True: pass\n", QUICK.model_copy(update={"start_seconds": 0.2}))


async def test_what_a_handler_prints_is_logged_line_by_line_with_its_event(bench: Bench) -> None:
    """Each line is in the log with its stream, event and trace; a flush of half a line is not lost."""
    worker = await bench.start("""
        import os, sys

        def main(event, context):
            print("one")
            print("two", end="")
            sys.stderr.write("bad\\n")
            os.write(1, b"raw\\n")
    """)
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = event_headers(id="e-9") | {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    await worker.invoke(Invocation(headers=headers, body=b"1"), 5)
    *lines, last = bench.log.read_text().splitlines()
    shown = [json.loads(line) for line in [*lines, last] if line.startswith("{")]
    assert {("stdout", "one"), ("stdout", "two"), ("stderr", "bad")} == {(one["stream"], one["text"]) for one in shown}
    assert {("e-9", trace)} == {(one["event"], one["trace"]) for one in shown}
    assert "raw" in lines


async def test_a_log_file_does_not_grow_without_limit(bench: Bench) -> None:
    """At its limit the file is turned over; one earlier file is kept."""
    worker = await bench.start(
        "def main(event, context):\n    for _ in range(20000): print('x' * 100)\n",
        QUICK.model_copy(update={"log_limit_bytes": 200_000}),
    )
    assert (await worker.invoke(CALL, 20)).status == 200
    assert bench.log.stat().st_size < 300_000
    assert bench.log.with_name("log.1").stat().st_size < 300_000


async def test_a_handler_sees_its_own_environment_and_nothing_of_the_hub(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the given variables, the standard library and the own source are visible."""
    monkeypatch.setenv("HUB_KEYS__MASTER", "secret")
    worker = await bench.start(
        """
        import os, sys

        def main(event, context):
            try:
                import structlog
                found = True
            except ImportError:
                found = False
            try:
                import hub
                found = True
            except ImportError:
                pass
            return {"env": dict(os.environ), "found": found, "cwd": os.getcwd()}
        """,
        environment={"PATH": "/bin", "s4.metadata": "dotted", **at_rest_environment(os.environ)},
    )
    shown = json.loads((await worker.invoke(CALL, 5)).body)
    shown["env"].pop("LC_CTYPE", None)  # the interpreter's own
    assert shown["env"] == {"PATH": "/bin", "s4.metadata": "dotted", **at_rest_environment(os.environ)}
    assert (False, worker.launch.source) == (shown["found"], shown["cwd"])


async def test_slow_calls_run_side_by_side(bench: Bench) -> None:
    """As many calls as the concurrency allows wait at the same time; more take their turn and are all answered."""
    worker = await bench.start("""
        import threading
        together = threading.Barrier(8)

        def main(event, context):
            together.wait(10)
            return "met"
    """)
    answers = await asyncio.gather(*(worker.invoke(CALL, 15) for _ in range(16)))
    assert {b"met"} == {answer.body for answer in answers}


async def test_quick_and_slow_calls_mix(bench: Bench) -> None:
    """A call that blocks does not hold up the quick ones behind it."""
    worker = await bench.start("""
        import threading
        opened = threading.Event()

        def main(event, context):
            if event["data"] == "wait":
                return str(opened.wait(10))
            if event["data"] == "open":
                opened.set()
            return "quick"
    """)
    for _ in range(50):
        await worker.invoke(said("quick"), 5)
    waiting = [asyncio.ensure_future(worker.invoke(said("wait"), 15)) for _ in range(3)]
    await worker.invoke(said("open"), 5)
    assert [(await one).body for one in waiting] == [b"True"] * 3


async def test_thousands_of_calls_are_all_answered_once(bench: Bench) -> None:
    """Every call gets its own answer, however many are under way."""
    worker = await bench.start("def main(event, context):\n    return str(event['data'])\n")
    answers: dict[int, list[Answer | HubError]] = {number: [] for number in range(3000)}
    for number, got in answers.items():
        worker.call(Invocation(headers=event_headers(), body=str(number).encode()), 30, got.append)
    await until(lambda: all(answers.values()), 30)
    assert [[str(number).encode()] for number in answers] == [
        [one.body for one in got if isinstance(one, Answer)] for got in answers.values()
    ]


async def test_a_call_without_room_in_time_is_refused(bench: Bench) -> None:
    """A call that waits for its turn longer than its own time fails and may be tried again."""
    worker = await bench.start(
        "import time\n\ndef main(event, context):\n    time.sleep(1)\n", QUICK.model_copy(update={"concurrency": 1})
    )
    first = asyncio.ensure_future(worker.invoke(CALL, 5))
    await until(lambda: worker.busy)
    with pytest.raises(UpstreamUnavailable, match="no room"):
        await worker.invoke(CALL, 0.1)
    assert (await first).status == 200


async def test_stopping_finishes_what_is_in_hand(bench: Bench) -> None:
    """A stop waits for calls within the grace time and leaves no process."""
    worker = await bench.start("import time\n\ndef main(event, context):\n    time.sleep(0.3)\n    return 'done'\n")
    (pid,) = worker.pids
    call = asyncio.ensure_future(worker.invoke(CALL, 5))
    await until(lambda: worker.busy)
    await worker.stop(5)
    assert (await call).body == b"done" and not alive(pid)
    with pytest.raises(UpstreamUnavailable):
        await worker.invoke(CALL, 1)


async def test_a_killed_call_leaves_nothing_it_started(bench: Bench) -> None:
    """Processes that a handler started end with it."""
    worker = await bench.start("""
        import pathlib, subprocess, time

        def main(event, context):
            pathlib.Path("pid").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
            time.sleep(60)
    """)
    assert (await worker.invoke(CALL, 0.5)).status == 408
    started = int((Path(worker.launch.source) / "pid").read_text())
    await until(lambda: not alive(started))


PARENT = """
import asyncio, os, sys
from tests.functions.conftest import Bench, until
from pathlib import Path

async def go():
    bench = Bench(Path(sys.argv[1]), spares=1)
    worker = await bench.start(sys.argv[2])
    spares = await until(lambda: bench.pool.pids)
    print(*worker.pids, *spares, flush=True)
    await asyncio.sleep(60)

asyncio.run(go())
"""


BUSY = "\nimport threading\n\ndef spin():\n    while True: pass\n\nthreading.Thread(target=spin).start()\n"


@pytest.mark.parametrize("load", ["", BUSY], ids=["idle", "busy"])
def test_no_process_outlives_the_hub(tmp_path: Path, load: str) -> None:
    """When the hub is killed with -9, the processes of its Functions end as well, busy or not, and the spare ones."""
    source = f"def main(event, context):\n    pass\n{load}\n"
    command = [sys.executable, "-c", PARENT, str(tmp_path), source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        pids = [int(one) for one in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(map(alive, pids))
        os.kill(parent.pid, 9)
        parent.wait(10)
    limit = time.monotonic() + 10
    while any(map(alive, pids)):
        assert time.monotonic() < limit
        time.sleep(0.01)
