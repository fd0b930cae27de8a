"""As many processes as the backlog asks for, from none at rest up to the Function's most, and back."""

import asyncio

import pytest

from hub.functions.model import Answer, Invocation
from hub.functions.resources import Scale, scale_of
from hub.kernel.errors import UpstreamUnavailable
from tests.functions.conftest import QUICK, Bench, event_headers, until

WAIT = "import os, time\n\ndef main(event, context):\n    time.sleep(event['data'])\n    return str(os.getpid())\n"


def call(seconds: float) -> Invocation:
    """Return an invocation that takes a while."""
    return Invocation(event_headers(), str(seconds).encode())


async def test_a_backlog_starts_processes_and_quiet_ends_them(bench: Bench) -> None:
    """Calls beyond what one process takes are answered by others, never more than the most; then one after another
    ends until the least is left."""
    worker = await bench.start(WAIT, most=3, concurrency=1, idle_seconds=0.3)
    answers = await asyncio.gather(*(worker.invoke(call(0.3), 20) for _ in range(12)))
    pids = {answer.body for answer in answers}
    assert 2 <= len(pids) <= 3
    await until(lambda: worker.instances == 1)
    assert (await worker.invoke(call(0), 5)).status == 200


async def test_a_function_at_rest_has_no_process_and_starts_when_it_is_called(bench: Bench) -> None:
    """Nobody called it for a while: nothing runs. The next call waits for a process and is answered."""
    worker = await bench.start(WAIT, least=0, idle_seconds=0.1)
    await until(lambda: worker.instances == 0 and not worker.pids)
    answers = await asyncio.gather(*(worker.invoke(call(0), 10) for _ in range(5)))
    assert {200} == {answer.status for answer in answers}
    assert worker.instances == 1


async def test_one_process_at_most_means_one(bench: Bench) -> None:
    """State in the memory of a Function with one replica is not split, however long the backlog."""
    worker = await bench.start(WAIT, least=1, most=1, concurrency=2)
    answers = await asyncio.gather(*(worker.invoke(call(0.02), 20) for _ in range(40)))
    assert len({answer.body for answer in answers}) == 1


async def test_the_least_is_there_without_a_call(bench: Bench) -> None:
    """Two replicas are two processes at once, and again after one of them has ended."""
    source = "import os\n\ndef main(event, context):\n    os._exit(1)\n"
    worker = await bench.start(source, least=2, most=2)
    await until(lambda: worker.instances == 2)
    with pytest.raises(UpstreamUnavailable):
        await worker.invoke(call(0), 5)
    await until(lambda: worker.instances == 2)


async def test_a_function_at_rest_that_cannot_start_refuses_and_recovers(bench: Bench) -> None:
    """Calls are refused while starts fail, each after the pause tries again, and one that succeeds answers."""
    worker = await bench.start(
        """
        import os, pathlib
        if pathlib.Path("broken").exists():
            raise RuntimeError("not now")

        def main(event, context):
            return "up"
        """,
        least=0,
        idle_seconds=0.05,
    )
    await until(lambda: worker.instances == 0)
    broken = bench.directory / "revision-0" / "broken"
    broken.touch()
    with pytest.raises(UpstreamUnavailable):
        await worker.invoke(call(0), 5)
    broken.unlink()

    async def answered() -> bool:
        try:
            return (await worker.invoke(call(0), 5)).body == b"up"
        except UpstreamUnavailable:
            return False

    async with asyncio.timeout(10):
        while not await answered():
            await asyncio.sleep(0.02)


async def test_a_backlog_has_an_end(bench: Bench) -> None:
    """More waiting calls than the setting allows are refused at once and may be tried again."""
    worker = await bench.start(WAIT, QUICK.model_copy(update={"backlog": 2}), concurrency=1)
    answers: list[object] = []
    for _ in range(4):
        worker.call(call(0.3), 10, answers.append)
    assert len(answers) == 1 and isinstance(answers[0], UpstreamUnavailable) and answers[0].retry
    await until(lambda: len(answers) == 4)
    assert all(isinstance(one, Answer) for one in answers[1:])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Scale(0, 1)),
        ({"replicas": 0}, Scale(0, 1)),
        ({"replicas": 3}, Scale(3, 3)),
        ({"scaleConfig": {"minReplicas": 1, "maxReplicas": 1}}, Scale(1, 1)),
        ({"scaleConfig": {"minReplicas": 2, "maxReplicas": 5}}, Scale(2, 5)),
        ({"replicas": 0, "scaleConfig": {"minReplicas": 1, "maxReplicas": 4}}, Scale(0, 4)),
    ],
    ids=["nothing", "none_at_rest", "replicas", "exactly_one", "range", "none_to_four"],
)
def test_the_manifest_says_how_many(spec: dict[str, object], expected: Scale) -> None:
    """`replicas` and `scaleConfig` become the least and the most."""
    assert expected == scale_of(spec)
