"""`hub doctor`: finds what is broken, says what to do, and finds nothing where nothing is."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import StreamConfig

from contracts import subjects
from hub.commands.checkup import certificates, machine, store
from hub.house import LISTENERS
from hub.kernel.broker import Bus
from hub.kernel.resource import Resource
from hub.layout import streams_of
from hub.settings import HubSettings
from hub.up.client import RunningHub, start_hub
from hub.up.ports import free_port, is_free
from tests.commands.line import Line, Said
from tests.dispatch.letters import bury, subscribe
from tests.up.conftest import until

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def levels(said: Said) -> dict[str, str]:
    """Return the level of each check."""
    return {check["name"]: check["level"] for check in said.json["checks"]}


@pytest.fixture
def hub_up(tmp_path: Path) -> Iterator[RunningHub]:
    """Return a whole hub of real processes on free ports."""
    ports = {f"HUB_{name.upper()}__PORT": "0" for name in LISTENERS}
    hub = start_hub(tmp_path / "hub", ports)
    yield hub
    hub.stop()


def test_a_hub_in_order_has_nothing_to_complain_of_and_a_dead_process_is_found(hub_up: RunningHub) -> None:
    """All ok and exit 0; with a process that was killed it is told, until it is back."""
    line = Line(HubSettings(_env_file=None, data_dir=hub_up.data_dir))  # type: ignore[call-arg]  # pydantic-settings
    env = {"HUB_EDGE__PORT": "0", "HUB_PUBLIC__PORT": "0", "HUB_INTERNAL__PORT": "0"}
    said = line.run(("doctor", "-o", "json"), "", env)
    wrong = [check for check in said.json["checks"] if check["level"] == "fail"]
    assert (said.status, wrong) == (0, []), said.out
    found = levels(said)
    assert {"edge certificate", "listener edge", "process dispatch", "stream EVENTS", "buckets", "clock"} <= set(found)
    hub_up.kill("dispatch")
    hub_up.wait(lambda state: any(each["restarts"] for each in state["processes"]) and state["state"] == "ready")
    assert levels(line.run(("doctor", "-o", "json"), "", env))["process dispatch"] == "warn"


async def test_what_is_in_the_store_is_looked_over(bus: Bus, running: Any, hub: Line) -> None:
    """A dead letter, and a stream that was declared otherwise."""
    await running(["dispatch"])
    await subscribe(bus)
    await bury(bus, "a")
    await bus.js.update_stream(StreamConfig(subjects.DEAD, subjects=["dead.>"], max_bytes=2048))
    said = await hub("doctor", "-o", "json", HUB_EDGE__PORT="0", HUB_PUBLIC__PORT="0", HUB_INTERNAL__PORT="0")
    found = levels(said)
    assert (said.status, said.json["ok"]) == (1, False)
    assert (found["dead letters"], found["stream DEAD"]) == ("warn", "fail")
    assert (found["event store"], found["stream EVENTS"]) == ("ok", "ok")


async def test_a_subscription_without_its_consumer_is_found(bus: Bus, running: Any, hub: Line) -> None:
    """No worker is there to make it anew."""
    worker = await running(["dispatch"])
    await subscribe(bus)
    await worker.stop()
    await bus.js.delete_consumer(subjects.EVENTS, "dispatch_default__orders")
    said = await hub("doctor", "-o", "json", HUB_EDGE__PORT="0", HUB_PUBLIC__PORT="0", HUB_INTERNAL__PORT="0")
    assert levels(said)["subscription default/orders"] == "fail"


async def test_a_missing_bucket_and_a_silent_worker_are_found(bus: Bus, hub: Line) -> None:
    """Nothing was started: what only workers can answer is told as such."""
    await bus.js.delete_stream("KV_tokens")
    said = await hub("doctor", HUB_EDGE__PORT="0", HUB_PUBLIC__PORT="0", HUB_INTERNAL__PORT="0")
    assert (said.status, "tokens not there" in said.out, "see that dispatch runs" in said.out) == (1, True, True)


async def test_an_event_store_that_is_away_is_one_failed_line(hub: Line) -> None:
    """The other checks are made all the same."""
    env = {"HUB_NATS__URL": "nats://127.0.0.1:9", "HUB_EDGE__PORT": "0"}
    said = await hub("doctor", "-o", "json", **env)
    assert (said.status, levels(said)["event store"], levels(said)["data directory"] != "fail") == (1, "fail", True)


async def test_a_taken_port_is_named_with_its_setting(hub: Line) -> None:
    """Before the first start, the doctor sees that it would fail."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = await hub("doctor", HUB_INTERNAL__PORT=str(taken.getsockname()[1]))
    assert (said.status, "HUB_INTERNAL__PORT" in said.out) == (1, True)


async def test_a_port_of_a_worker_on_its_own_is_no_fault(hub: Line, nats_url: str, tmp_path: Path) -> None:
    """Where workers run by `hub run`, under systemd or in a container, their listeners are taken by the hub itself."""
    env = {"HUB_NATS__URL": nats_url, "HUB_DATA_DIR": str(tmp_path), "HUB_PUBLIC__PORT": str(free_port())}
    words = (sys.executable, "-P", "-m", "hub", "run", "catalog", "--listen", "public")
    with subprocess.Popen(words, env={**os.environ, **env}, stdout=subprocess.DEVNULL) as process:
        try:
            await asyncio.to_thread(until, lambda: not is_free(int(env["HUB_PUBLIC__PORT"])), 60)
            said = await hub("doctor", "-o", "json", **env)
            assert levels(said)["listener public"] == "ok"
        finally:
            process.terminate()


def test_a_directory_that_cannot_be_written_fails(tmp_path: Path) -> None:
    """With what to set instead."""
    (tmp_path / "file").write_text("in the way")
    found = machine.check_directory(tmp_path / "file" / "data")
    assert (found.level, "HUB_DATA_DIR" in found.advice) == ("fail", True)


def test_a_directory_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    """Keys lie in it."""
    tmp_path.chmod(0o755)
    assert (machine.check_directory(tmp_path).level, machine.check_directory(tmp_path / "new").level) == ("warn", "ok")
    tmp_path.chmod(0o700)
    assert machine.check_directory(tmp_path).level == "ok"


def test_a_disk_smaller_than_the_stream_is_a_warning(tmp_path: Path) -> None:
    """The stream must be full before the disk is."""
    assert machine.check_disk(tmp_path, 1024).level == "ok"
    assert machine.check_disk(tmp_path, 2**60).level == "warn"


def test_a_killed_hub_is_told_from_none(tmp_path: Path) -> None:
    """What it left says that it did not end by itself."""
    assert "none runs" in machine.check_hub(tmp_path)[0].text
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "hub.json").write_text("{}")
    assert "killed" in machine.check_hub(tmp_path)[0].text


@pytest.mark.parametrize(
    ("said", "level"), [("nats-server: v2.15.1", "ok"), ("2.10.4", "fail"), ("2.11.0-dev", "ok"), ("what", "warn")]
)
def test_a_server_that_is_too_old_fails(said: str, level: str) -> None:
    """The hub asks for what 2.11 brought."""
    assert machine.judge_version("nats-server", said, "here").level == level


@pytest.mark.parametrize(
    ("begins", "ends", "level"),
    [(-10, 3650, "ok"), (-10, 0, "fail"), (1, 10, "fail"), (-3640, 10, "warn"), (-1, 1, "ok"), (-19, 1, "warn")],
)
def test_certificates_are_judged_by_their_time(begins: int, ends: int, level: str) -> None:
    """Ended or not begun: fail; the last tenth of a life, at most 30 days: warn."""
    first, last = NOW + timedelta(days=begins), NOW + timedelta(days=ends)
    assert certificates.judge_times("edge", first, last, NOW).level == level


def test_an_authority_that_is_no_certificate_fails(tmp_path: Path) -> None:
    """A file that cannot be read is no missing file."""
    (tmp_path / "ca.crt").write_text("no certificate")
    assert certificates.check_authority(tmp_path / "ca.crt", NOW).level == "fail"
    assert certificates.check_authority(tmp_path / "none.crt", NOW).level == "warn"


@pytest.mark.parametrize(("seconds", "level"), [(0, "ok"), (5, "warn"), (-90, "fail")])
def test_a_clock_that_is_wrong_is_found(seconds: int, level: str) -> None:
    """By the event store's own."""
    assert certificates.judge_clock(NOW, NOW + timedelta(seconds=seconds)).level == level


@pytest.mark.parametrize(("stored", "level"), [(0, "ok"), (950, "warn"), (1000, "fail")])
def test_a_stream_that_fills_up_is_told_in_time(settings: HubSettings, stored: int, level: str) -> None:
    """From 90 % on a warning; full is a failure, for new events are refused."""
    settings.streams.max_bytes = 1000
    wanted = streams_of(settings.kernel())[0]
    told = {"config": store._declared(wanted), "state": {"messages": 1, "bytes": stored}}
    assert store.judge_stream(wanted, told).level == level


@pytest.mark.parametrize(
    ("spec", "status", "told", "level"),
    [
        ({}, {}, {"num_pending": 3}, "ok"),
        ({}, {}, {"num_pending": 10_001}, "warn"),
        ({"paused": True}, {}, {}, "warn"),
        ({}, {"circuitBreaker": {"state": "open"}}, {}, "warn"),
        ({}, {}, {"error": {}}, "fail"),
    ],
)
def test_subscriptions_are_judged(spec: dict[str, Any], status: dict[str, Any], told: Any, level: str) -> None:
    """Behind, paused, broken off, without a consumer."""
    assert store.judge_subscription(Resource("v", "k", "n", "s", spec, status), told).level == level


@pytest.mark.parametrize(("conditions", "level"), [([], "warn"), (["True"], "ok"), (["False"], "fail")])
def test_functions_are_judged_by_their_condition(conditions: list[str], level: str) -> None:
    """With the message of the status."""
    status = {"conditions": [{"type": "Ready", "status": each, "message": "line 3"} for each in conditions]}
    found = store.judge_function(Resource("v", "k", "n", "s", {}, status))
    assert (found.level, "line 3" in found.text) == (level, level == "fail")


