"""A worker of the drill: its clock can be moved while it runs, and the way to the store leads through the proxy."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from hub.drill.stage import Premises, procfile_of
from hub.drill.worker import through, write_offset
from hub.up import procfile

TELL = """
import sys, time
from pathlib import Path
from hub.drill.worker import move_clock
from hub.kernel.clock import SystemClock
move_clock(Path(sys.argv[1]))
for _ in sys.stdin:
    print(time.time(), SystemClock().now().timestamp(), time.monotonic(), flush=True)
"""


def test_the_clock_of_a_running_process_is_moved(tmp_path: Path) -> None:
    """The wall clock of Python and the hub's own jump there and back; the monotonic one goes on."""
    clock = tmp_path / "clock"
    write_offset(clock, 0.0)
    command = [sys.executable, "-c", TELL, str(clock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        told = []
        for offset in (0.0, 7200.0, -7200.0, 0.0):
            write_offset(clock, offset)
            process.stdin.write("now\n")
            process.stdin.flush()
            told.append([float(word) for word in process.stdout.readline().split()])
        process.stdin.close()
    for column in (0, 1):
        start, forward, back, end = (line[column] for line in told)
        assert 0 <= end - start < 3000
        assert 7000 < forward - start < 9000 and 7000 < start - back + 600 < 9000
    monotonic = [line[2] for line in told]
    assert monotonic == sorted(monotonic) and monotonic[-1] - monotonic[0] < 3000


def test_the_store_is_reached_through_the_proxy(tmp_path: Path) -> None:
    """Same credentials, another port."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "nats.json").write_text(json.dumps({"url": "nats://hub:word@127.0.0.1:4222", "pid": 1}))
    assert "nats://hub:word@127.0.0.1:9999" == through(9999, tmp_path)


def test_every_worker_of_the_hub_is_started_by_the_drill(tmp_path: Path) -> None:
    """The same processes with the same rooms and listeners."""
    mine = procfile.parse(procfile_of(Premises(tmp_path), 9999))
    theirs = procfile.read(procfile.find())
    assert [program.name for program in theirs] == [program.name for program in mine]
    for my, their in zip(mine, theirs, strict=True):
        words = shlex.split(my.command)
        assert ["hub.drill.worker", "9999", str(tmp_path / "clock")] == words[3:6]
        assert shlex.split(their.command)[1:] == words[6:]
