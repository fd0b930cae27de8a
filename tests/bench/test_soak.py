"""The soak: a real short one, whose figures must balance; and its judgement, on samples made up for it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from hub.bench import plots
from hub.bench.journal import Arrivals
from hub.bench.soak import verdict
from hub.bench.soak.auditing import Account
from hub.bench.soak.failing import HOPELESS_AT, MOST_ATTEMPTS, PASSING_AT, Refusals
from tests.bench.conftest import Bench

LIMITED = {"limit_bytes": 1000, "limit_seconds": 0}
ENDLESS = {"limit_bytes": -1, "limit_seconds": 0}


@pytest.mark.skipif(plots.find_spec("matplotlib") is None, reason="the extra `bench` is not installed")
def test_a_short_soak_accounts_for_every_event(bench: Bench, tmp_path: Path) -> None:
    """What fails once arrives, what fails each time is given up, and what is replayed arrives after all; solutions
    came and went meanwhile, and the samples are kept."""
    words = ("--minutes", "0.1", "--rate", "250", "--day", "3", "--every", "0.5", "--report", str(tmp_path / "kept"))
    ran = bench("soak", *words, "-o", "json")
    assert ran.status == 0, ran.errors
    document = ran.document
    accepted = document["statuses"]["204"]
    sink, function = document["events"]["the sink"], document["events"]["the Function"]
    assert sink == {"accepted": accepted, "arrived": accepted, "given up": 0, "lost": 0} | {
        "arrived again": sink["arrived again"]
    }
    assert function["given up"] == document["replayed"] == sum(n % 1000 == HOPELESS_AT for n in range(accepted)) > 0
    assert function["arrived"] == accepted - function["given up"] and function["lost"] == 0
    assert document["events"]["the visitor's Function"]["arrived"] == 20 * document["days"] > 0
    assert not document["judged"], "so short a run tells nothing about growth"
    samples = [json.loads(line) for line in (tmp_path / "kept" / "samples.jsonl").read_text().splitlines()]
    assert len(samples) > 3 and {"nats-server", "edge", "inside", "dispatch"} <= samples[-1]["processes"].keys()
    assert samples[-1]["streams"]["EVENTS"]["limit_bytes"] > 0 < samples[-1]["log_bytes"]


def samples(**series: Any) -> list[dict[str, Any]]:
    """Return the samples of a quarter of an hour; each figure is a function of the time from 0 to 1."""
    given = {"memory_mb": lambda _: 100.0, "files": lambda _: 50, "messages": lambda _: 1000} | series
    found = []
    for number in range(91):
        of = {name: figure(number / 90) for name, figure in given.items()}
        stream = {"messages": of["messages"], "bytes": of.get("bytes", 500), "first": 1, "consumers": 2}
        process = {"memory_mb": of["memory_mb"], "resident_mb": 1, "files": of["files"], "threads": 3}
        streams = {"EVENTS": stream | LIMITED, "KV_things": stream | ENDLESS}
        found.append({"at": number * 10.0, "counts": {}, "processes": {"edge": process}, "streams": streams})
    return found


def saw(at: float) -> float:
    """Grow and fall back again and again."""
    return 100 + 30 * (at * 17 % 1)


def warm(at: float) -> float:
    """Grow in the beginning only."""
    return 100 - 60 * math.exp(-40 * at)


@pytest.mark.parametrize("figure", [saw, warm, lambda at: 104 - 4 * at, lambda at: 100 + 3 * at])
def test_what_goes_up_and_down_or_only_warms_up_is_no_growth(figure: Any) -> None:
    """A collector's saw teeth, a warm-up, a decline, and a growth of 3 % are let pass."""
    assert verdict.complaints_of(samples(memory_mb=figure)) == []


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ({"memory_mb": lambda at: 100 + 10 * at}, "The memory of edge grew from 101."),
        ({"memory_mb": lambda at: saw(at) + 20 * at}, "The memory of edge grew"),
        ({"files": lambda at: 50 + round(20 * at)}, "edge: open files grew from 5"),
        ({"messages": lambda at: 1000 + round(200 * at)}, "The stream KV_things, which has no limit, grew"),
        ({"bytes": lambda at: 2000 if at == 0.5 else 500}, "The stream EVENTS held 2,000 bytes; its limit is 1,000."),
    ],
    ids=["slow leak", "leak below saw teeth", "files", "messages", "limit"],
)
def test_growth_is_told(series: dict[str, Any], said: str) -> None:
    """Memory, open files, streams without a limit, and streams above theirs, each in a sentence."""
    found = verdict.complaints_of(samples(**series))
    assert any(text.startswith(said) for text in found), found


def test_a_stream_with_a_limit_may_fill_up_to_it() -> None:
    """It is bounded by what it may hold, not by what it held in the beginning."""
    assert verdict.complaints_of(samples(bytes=lambda at: 400 + 500 * at)) == []


def test_an_event_that_neither_arrived_nor_was_given_up_is_lost() -> None:
    """What was refused need not arrive, and what arrived without having been posted is told as well."""
    arrivals = Arrivals({0: (1, 2), 2: (1, 2), 9: (1, 2)}, repeated=1)
    account = Account("the sink", 5, arrivals, given_up={3}, refused={4})
    assert account.lost == [1]
    assert account.figures() == {"accepted": 4, "arrived": 3, "given up": 1, "arrived again": 1, "lost": 1}
    [lost, strange] = account.complaints()
    assert "1 accepted events" in lost and "1 events reached the sink that were not posted" in strange


def test_the_sink_refuses_some_once_and_others_until_they_are_given_up() -> None:
    """One that is given up is taken when it is replayed; the others are never refused."""
    refusals = Refusals()
    assert [refusals.refuses(PASSING_AT) for _ in range(2)] == [True, False]
    assert [refusals.refuses(HOPELESS_AT) for _ in range(MOST_ATTEMPTS + 1)] == [True] * MOST_ATTEMPTS + [False]
    assert not refusals.refuses(PASSING_AT + 1)
