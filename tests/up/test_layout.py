"""Streams and buckets are made as settings say, extremes included."""

from pathlib import Path

from contracts import subjects
from hub.kernel.broker import Bus
from hub.layout import declare
from tests.conftest import make_settings


async def test_streams_that_keep_nothing_for_long_are_made(bus: Bus, tmp_path: Path, nats_url: str) -> None:
    """How long repetitions are remembered never exceeds how long messages are kept; nats-server refuses that."""
    short = {"max_age_hours": 0.02, "attempts_max_age_hours": 0.01, "traces_max_age_hours": 0.01}
    await declare(bus.js, make_settings(tmp_path, nats_url, streams=short).kernel())
    for name, seconds in ((subjects.EVENTS, 72), (subjects.ATTEMPTS, 36), (subjects.TRACES, 36)):
        config = (await bus.js.stream_info(name)).config
        assert (config.max_age, config.duplicate_window) == (seconds, seconds)
