"""kill -9 of the supervisor of a real hub: not even the process of a Function is left, nor a worker that hangs."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import House
from tests.up.conftest import is_alive, until

FUNCTION = """
apiVersion: serverless.kyma-project.io/v1alpha2
kind: Function
metadata: {name: sleeper}
spec:
  runtime: python312
  source:
    inline:
      source: |
        import os
        def main(event, context):
            return os.getpid()
"""


def descendants(pid: int) -> set[int]:
    """Return the pids of all processes below one."""
    children = {int(each) for task in Path(f"/proc/{pid}/task").iterdir() for each in read(task / "children").split()}
    return children.union(*(descendants(child) for child in children))


def read(path: Path) -> str:
    """Return the text of a file, nothing when it is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_outlives_a_killed_hub(house: House) -> None:
    """The workers, the event store, and the process of a Function; one of the workers hangs."""
    house.hub("apply", "-f", "-", stdin=FUNCTION)
    until(lambda: "True" in house.hub("get", "function", "sleeper"), limit_seconds=60)
    pids = descendants(house.running.pid)
    of_the_function = int(house.hub("function", "invoke", "sleeper", "--data", "{}"))
    assert of_the_function in pids

    house.running.kill("dispatch", signal.SIGSTOP)
    os.kill(house.running.pid, signal.SIGKILL)

    until(lambda: not any(is_alive(pid) for pid in pids), limit_seconds=30)
