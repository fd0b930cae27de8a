"""Interpreters that are kept started become the processes of Functions, sooner than new ones and no less apart."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.functions.model import Invocation
from hub.functions.runtime.pool import Pool
from hub.kernel.errors import InvalidInput
from tests.functions.conftest import Bench, event_headers, until
from tests.functions.test_processes import alive

CALL = Invocation(event_headers(), b"{}")
WHO = "import os\n\ndef main(event, context):\n    return str(os.getpid())\n"


@pytest.fixture
async def warm(tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a bench with one spare, which the Functions it starts are made of."""
    made = Bench(tmp_path, spares=1)
    yield made
    await made.stop()


async def test_a_spare_is_used_once_and_replaced(warm: Bench) -> None:
    """Each Function gets a process of its own, and another spare stands ready for the next."""
    first, second = await warm.start(WHO), await warm.start(WHO)
    (spare,) = await until(lambda: warm.pool.pids)
    pids = [int((await worker.invoke(CALL, 5)).body) for worker in (first, second)]
    assert [*first.pids, *second.pids] == pids
    assert len({*pids, spare}) == 3


async def test_nothing_waits_while_there_are_no_functions(warm: Bench) -> None:
    """The first Function has a spare started, the last one that goes has it ended."""
    assert warm.pool.pids == []
    worker, other = await warm.start(WHO), await warm.start(WHO)
    (spare,) = await until(lambda: warm.pool.pids)
    await worker.stop(0)
    assert [spare] == warm.pool.pids
    await other.stop(0)
    assert warm.pool.pids == []
    await until(lambda: not alive(spare))


async def test_no_pool_when_none_is_asked_for() -> None:
    """With the size 0 nothing is started ahead."""
    pool = Pool(0)
    pool.join()
    assert "function-spares" not in {task.get_name() for task in asyncio.all_tasks()}
    await pool.stop()


async def test_a_spare_that_is_killed_is_replaced(warm: Bench) -> None:
    """Whoever kills it, another one is there after a moment."""
    await warm.start(WHO)
    (spare,) = await until(lambda: warm.pool.pids)
    os.kill(spare, signal.SIGKILL)
    (other,) = await until(lambda: [pid for pid in warm.pool.pids if pid != spare])
    assert alive(other)


async def test_a_spare_that_dies_as_it_is_taken_costs_no_call(warm: Bench) -> None:
    """It is killed in the very moment it is needed: a new process takes its place, the call is answered."""
    pool = warm.pool
    pool.join()
    (spare,) = await until(lambda: pool.pids)
    warm.warm = False  # another process than the spare is what it gets
    os.kill(spare, signal.SIGKILL)  # the hub does not hear of it before it is taken: nothing is awaited in between
    worker = await warm.start(WHO)
    assert int((await worker.invoke(CALL, 5)).body) != spare
    assert warm.reports == []


async def test_what_its_environment_says_about_start_and_time_zone_holds(warm: Bench) -> None:
    """A time zone is taken over; what only a start reads has the process started for the Function."""
    source = """
        import locale, time

        def main(event, context):
            return f"{time.tzname[0]} {locale.setlocale(locale.LC_CTYPE)}"
    """
    plain = await warm.start(source)
    environment = plain.launch.environment
    zoned = await warm.start(source, environment={**environment, "TZ": "XYZ-3"})
    assert (await zoned.invoke(CALL, 5)).body.startswith(b"XYZ ")
    warm.warm = False
    (spare,) = await until(lambda: warm.pool.pids)
    own = await warm.start(source, environment={**environment, "LC_ALL": "POSIX"})
    assert spare not in own.pids and [spare] == warm.pool.pids


async def test_a_handler_that_cannot_be_loaded_is_refused_from_a_spare_too(warm: Bench) -> None:
    """The reason is the same, it is tried once, and no process stays."""
    with pytest.raises(InvalidInput, match=r"SyntaxError: .*\(handler.py, line 2\)"):
        await warm.start("print('loading')\ndef broken(:\n")
    with pytest.raises(InvalidInput, match="not twice"):
        await warm.start("print('loading')\nraise RuntimeError('not twice')\n")
    assert warm.log.read_text().count("loading") == 1


async def test_node_takes_the_place_of_a_spare(warm: Bench, node: str) -> None:
    """Environment, directory and log are its own: also what it writes past the language, and its options."""
    worker = await warm.start(
        """
        const fs = require('fs');
        module.exports = { main: () => {
            fs.writeSync(1, 'raw\\n');
            return { env: process.env, cwd: process.cwd(), title: process.title };
        } };
        """,
        node=node,
        environment={"NODE_OPTIONS": "--title=mine", "COLOUR": "blue"},
    )
    shown = (await worker.invoke(CALL, 5)).body.decode()
    assert '"COLOUR":"blue"' in shown and '"title":"mine"' in shown and "LANG" not in shown
    assert f'"cwd":"{worker.launch.source}"' in shown
    assert "raw" in warm.log.read_text().splitlines()
