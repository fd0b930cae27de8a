"""What bad Functions get: a clear status or error each time, others unaffected, nothing left running."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hub.functions.conditions import READY, condition_of
from hub.functions.model import Invocation
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.errors import UpstreamUnavailable
from tests.functions.conftest import Bench, event_headers, until
from tests.functions.test_deployment import HELLO, Hub, hub, store_secret
from tests.functions.test_processes import alive

__all__ = ["hub"]  # the fixture

CALL = Invocation(event_headers(), b"{}")


async def test_a_source_of_ten_megabytes_is_refused(hub: Hub) -> None:
    """The refusal names the field and the limit; nothing is stored."""
    document = {
        "apiVersion": "serverless.kyma-project.io/v1alpha2",
        "kind": "Function",
        "metadata": {"name": "orders"},
        "spec": {"runtime": "python312", "source": {"inline": {"source": "#" * 950_000}}},
    }
    status, answer = await hub.ask("apply", {"document": document})
    assert (status, answer["field"]) == ("400", "spec.source.inline.source")
    assert "more than 900000 bytes" in answer["detail"]
    assert await hub.functions.get("default.orders") is None


async def test_an_import_that_fails_is_in_the_status(hub: Hub) -> None:
    """Name, file and line of what is missing."""
    await hub.apply("import requests_of_the_future\n" + HELLO)
    message = condition_of(await hub.judged(ready="False"), READY)["message"]
    assert "No module named 'requests_of_the_future' (handler.py, line 1)" in message


async def test_secrets_in_the_text_of_an_error_are_blotted_out(hub: Hub) -> None:
    """Whether a value came by the environment or as a file, nobody is told it."""
    await store_secret(hub, password="hunter2-hunter2")
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
    for name, spec in (("by-env", {"env": env}), ("by-file", {"secretMounts": [_MOUNT]})):
        read = "os.environ.get('PASSWORD') or open('/creds/password').read()"
        await hub.apply(f"import os\n\ndef main(event, context):\n    raise ValueError({read})\n", name, **spec)
        await hub.judged(name)
        assert ((await hub.call(name=name)).headers or {})["Hub-Error"] == "ValueError: *** (handler.py, line 4)"


_MOUNT = {"secretName": "db", "mountPath": "/creds"}


async def test_deleting_a_function_while_it_runs_leaves_nothing(hub: Hub) -> None:
    """The call in hand is answered or may be tried again; processes, files and child processes are gone."""
    await hub.apply("""
import os, subprocess, time

def main(event, context):
    started = subprocess.Popen(["sleep", "60"])
    open("pids", "w").write(f"{os.getpid()} {started.pid}")
    time.sleep(60)
""")
    function = await hub.judged()
    home = hub.settings.data_dir / "functions" / "default.orders"
    pids = home / f"1-{function.uid[:8]}" / "pids"
    call = asyncio.ensure_future(hub.call(**{"Hub-Timeout": "30"}))
    await until(lambda: pids.exists() and pids.read_text())
    numbers = [int(one) for one in pids.read_text().split()]
    await hub.ask("delete", {"name": "orders", "scope": "default"})
    assert ((await call).headers or {})["Hub-Status"] in ("502", "408")
    await until(lambda: not home.exists() and not any(alive(one) for one in numbers))


async def test_a_deployment_under_load_loses_no_call(hub: Hub) -> None:
    """Calls in hand are finished by the old revision; every call is answered by one of the two."""
    source = "import time\n\ndef main(event, context):\n    time.sleep(0.01)\n    return 'old'\n"
    await hub.apply(source)
    await hub.judged()
    answers: list[bytes] = []

    async def keep_calling() -> None:
        while b"new" not in answers[-20:]:
            answers.append((await hub.call()).data)

    callers = [asyncio.ensure_future(keep_calling()) for _ in range(4)]
    await hub.apply(source.replace("old", "new"))
    await asyncio.wait_for(asyncio.gather(*callers), 20)
    assert set(answers) <= {b"old", b"new"}


@pytest.mark.parametrize(
    "mischief",
    [
        "for number in range(3, 30):\n        try: os.write(number, b'garbage' * 1000)\n        except OSError: pass",
        "os.closerange(3, 64)",
        "os.kill(os.getpid(), 11)",
        "threading.Thread(target=os._exit, args=(1,)).start()",
        "ctypes.string_at(0)",
    ],
    ids=["garbage", "closed", "segfault", "exit", "null"],
)
async def test_whatever_a_process_does_to_itself_costs_it_alone(bench: Bench, mischief: str) -> None:
    """Its calls fail at once and may be tried again; another process takes the next one; others never notice."""
    worker = await bench.start(
        f"""
import ctypes, os, threading, time

def main(event, context):
    if event["data"] != "bad":
        return "good"
    {mischief}
    time.sleep(60)
"""
    )
    other = await bench.start("def main(event, context):\n    return 'other'\n")
    with pytest.raises(UpstreamUnavailable) as lost:
        await worker.invoke(Invocation(event_headers(), b'"bad"'), 30)
    assert lost.value.retry
    assert (await worker.invoke(CALL, 30)).body == b"good"
    assert (await other.invoke(CALL, 5)).body == b"other"


async def test_printing_without_end_fills_no_disk(bench: Bench) -> None:
    """Past the limit of the log the file is turned over, whatever is printed and however."""
    worker = await bench.start(
        """
        import sys

        def main(event, context):
            line = "x" * 1_000_000
            for _ in range(60):
                print(line)
                sys.stderr.write(line)
        """,
        log_limit_bytes=1_000_000,
    )
    assert (await worker.invoke(CALL, 60)).status == 200
    size = sum(path.stat().st_size for path in Path(bench.log.parent).glob("log*"))
    assert size < 5_000_000


async def test_deploying_while_a_deployment_is_under_way_ends_with_the_last_one(hub: Hub, tmp_path: Path) -> None:
    """However many are sent at once, the newest answers and nothing is left of the others."""
    for number in range(6):
        await hub.apply(f"import time\ntime.sleep(0.2)\n\ndef main(event, context):\n    return '{number}'\n")
    await hub.judged(generation=6)
    assert (await hub.call()).data == b"5"
    home = tmp_path / "functions" / "default.orders"
    async with asyncio.timeout(20):
        while len(list(home.iterdir())) > 1 or len(_children(str(home))) > 1:
            await asyncio.sleep(0.05)


async def test_a_deployment_that_an_upgrade_interrupts_is_finished_by_the_next_process(
    hub: Hub, bus: Bus, running: Callable[..., Awaitable[Running]], tmp_path: Path
) -> None:
    """Applied while one process of the hub ends, the Function is brought up by the next one; nothing of the first is
    left, and the revision that answered before answers until then."""
    await hub.apply(HELLO)
    await hub.judged()
    slow = "import time\ntime.sleep(0.5)\n\ndef main(event, context):\n    return 'upgraded'\n"
    await hub.apply(slow)
    home = tmp_path / "functions" / "default.orders"
    await until(lambda: len(_children(str(home))) > 1)  # the new one is being loaded
    assert (await hub.call()).data == b"hello orders"
    await hub.process.stop()
    assert _children(str(home)) == []
    again = Hub(await running(["functions"], ["internal"], hub.settings), bus, hub.settings)
    await again.judged(generation=2)
    assert (await again.call()).data == b"upgraded"


def _children(home: str) -> list[str]:
    """Return the processes whose working directory is below a directory."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and str((process / "cwd").readlink()).startswith(home):
                found.append(process.name)
        except OSError:
            continue
    return found
