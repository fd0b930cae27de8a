"""Real short runs of each scenario: what is counted must balance. How fast it was is asserted nowhere.

Most load one hub one after the other, in this process; the command with a hub of its own for each run is what the last
tests run, as a person does.
"""

from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli import command_line
from tests.bench.conftest import Bench, Measure


@pytest.mark.parametrize(
    "options",
    [{}, {"rate": 40.0}, {"batch": 5}, {"listener": "edge"}, {"size": 16}, {"others": 20}],
    ids=["closed", "open", "batch", "edge", "small", "others"],
)
def test_ingress_counts_what_the_stream_holds(measure: Measure, options: dict[str, Any]) -> None:
    """Every event that was acknowledged is in the stream, and nothing but 204 was answered."""
    run = measure("ingress", **options)
    assert run["held"], run["complaints"]
    assert 0 < run["counts"]["accepted"] == run["counts"]["stored"]
    assert run["statuses"] == {"204": run["counts"]["accepted"] // options.get("batch", 1)}
    assert 0 < run["latency_ms"]["p50"] <= run["latency_ms"]["p99"] <= run["latency_ms"]["p999"]


@pytest.mark.parametrize(
    "options",
    [{}, {"rate": 40.0}, {"others": 20, "dead": 2, "slow": 1}, {"batch": 10}],
    ids=["backlog", "schedule", "beside others", "batches"],
)
def test_every_accepted_event_arrives(measure: Measure, options: dict[str, Any]) -> None:
    """What was acknowledged has reached the sink, each event of it."""
    run = measure("delivery", **(options if "rate" in options else {"seconds": 0.2} | options))
    assert run["held"], run["complaints"]
    assert 0 < run["counts"]["accepted"] == run["counts"]["delivered"]
    assert run["throughput"] > 0
    assert bool(run["latency_ms"]) is ("rate" in options), "a backlog has no latency, a schedule has"


def test_e2e_keeps_to_a_schedule_and_tells_what_it_cost(measure: Measure) -> None:
    """Without --rate it takes 500 events/s; CPU time and memory are told of each process of the hub."""
    run = measure("e2e")
    assert run["held"], run["complaints"]
    # As many requests are due as the schedule says, however long their answers take: 0.6 s of 500/s, the first at 0.
    assert run["counts"]["accepted"] == run["counts"]["delivered"] == 300
    assert run["latency_ms"]["p50"] > 0
    for kind in ("nats-server", "edge", "inside", "dispatch", "control", "functions", "total"):
        assert kind in run["cpu_seconds_per_1000"] and run["peak_memory_mb"][kind] > 0
    assert run["idle_memory_mb"]["total"] > 0 and run["ready_seconds"] > 0


@pytest.mark.parametrize("options", [{}, {"rate": 40.0}, {"others": 20}], ids=["closed", "open", "others"])
def test_calls_through_the_gateway_carry_the_credentials(measure: Measure, options: dict[str, Any]) -> None:
    """The target refuses calls without them, and every call was answered 200."""
    run = measure("gateway", **options)
    assert run["held"], run["complaints"]
    assert run["statuses"] == {"200": run["counts"]["answered by the target"]}
    assert run["latency_ms"]["p50"] > 0 < run["latency_ms"]["direct_p50"]
    added = run["latency_ms"]["p50"] - run["latency_ms"]["direct_p50"]
    assert run["figures"]["added to a direct call, p50"] == pytest.approx(added, abs=0.002)


def test_every_certificate_that_was_issued_was_announced(measure: Measure) -> None:
    """Each answer of 201 is a certificate that the other rooms have heard of; the figures name what they count."""
    run = measure("connector")
    assert run["held"], run["complaints"]
    assert 0 < run["counts"]["issued"] == run["counts"]["announced"]
    assert run["statuses"] == {"201": run["counts"]["issued"]}
    assert run["unit"] == "certificates" and run["latency_ms"]["p50"] > 0
    assert (*run["figure_units"].values(),) == ("µs",) and all(value > 0 for value in run["figures"].values())


def test_repeated_runs_are_put_together(bench: Bench) -> None:
    """Each run has a hub of its own, as configured; the summary holds median, lowest and highest of them."""
    ran = bench("ingress", "--seconds", "0.3", "--warm-up", "0", "--sync", "always", "--repeat", "2", "-o", "json")
    assert (ran.status, ran.errors) == (0, ""), "no progress bar in a pipe"
    assert (2, "always") == (len(ran.document["runs"]), ran.document["options"]["sync"])
    rates = sorted(run["throughput"] for run in ran.document["runs"])
    spread = ran.document["summary"]["throughput"]
    assert [spread["low"], spread["high"]] == rates and rates[0] <= spread["median"] <= rates[1]
    assert ran.left == [], "nothing is left behind"


def test_an_answer_other_than_2xx_makes_the_run_fail(measure: Measure) -> None:
    """Events over the limit are answered 413: each is counted, and none is stored."""
    run = measure("ingress", size=70_000)
    assert not run["held"] and "were answered 413" in run["complaints"][0]
    assert run["statuses"]["413"] > 0 and run["counts"]["stored"] == 0


def test_a_table_for_people_has_units_and_a_failed_run_ends_with_status_1(bench: Bench) -> None:
    """Figures carry their units; standard error holds what did not hold, and no progress bar in a pipe."""
    ran = bench("ingress", "--seconds", "0.3", "--warm-up", "0", "--connections", "8", "--size", "70000")
    assert ran.status == 1
    assert ran.errors.splitlines()[0].endswith("requests were answered 413.") and len(ran.errors.splitlines()) <= 2
    for text in ("events/s", "CPU s / 1,000", "peak memory", "MB", "nats-server", "413 ×"):
        assert text in ran.output
    assert ran.left == [], "nothing is left behind after a failure either"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        (),
        ("ingress", "--seconds", "0"),
        ("ingress", "--rate", "0"),
        ("ingress", "--batch", "0"),
        ("ingress", "--peer", "nobody"),
        ("functions", "--batch", "2"),
        ("delivery", "--peer", "mq-bridge", "--rate", "5"),
        ("functions", "--listener", "edge"),
        ("e2e", "--peer", "bare"),
        ("connector", "--batch", "2"),
        ("ingress", "--authority", "rsa-4096"),
        ("ingress", "--peer", "caddy"),
        ("gateway", "--peer", "bare"),
        ("gateway", "--peer", "caddy", "--others", "1"),
        ("ingress", "--dead", "1"),
        ("ingress", "--peer", "alone"),
        ("functions", "--peer", "alone"),
        ("functions", "--others", "1"),
        ("functions", "--by", "mail"),
        ("functions", "--runtime", "cobol"),
        ("ingress", "--slow", "1"),
        ("delivery", "--peer", "mq-bridge", "--slow", "1"),
        ("compass", "--rate", "5"),
        ("compass", "--seconds", "5"),
        ("compass", "--applications", "0"),
        ("all", "--only", "nothing"),
        ("soak", "--minutes", "0"),
        ("soak", "--batch", "2"),
        ("functions", "--functions", "-1"),
        ("functions", "--peer", "caddy"),
        ("functions", "--peer", "functions-framework"),
        ("functions", "--by", "http", "--peer", "functions-framework", "--runtime", "node"),
        ("functions", "--by", "http", "--peer", "functions-framework", "--rate", "5"),
        ("gateway", "--peer", "functions-framework"),
        ("delivery", "--by", "http"),
        ("e2e", "--runtime", "node"),
        ("ingress", "--functions", "2"),
        ("ingress", "--applications", "5"),
        ("registry", "--rate", "5"),
        ("registry", "--applications", "0"),
        ("ingress", "--output", "xml"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    """Nothing is started for a command that cannot be meant."""
    ran = CliRunner().invoke(command_line(), ["bench", *arguments])
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "Usage" in ran.stderr


def test_every_service_that_was_answered_as_registered_is_stored(bench: Bench) -> None:
    """Five of each Application; the list and the second start are timed, each figure with a unit of its own."""
    ran = bench("registry", "--warm-up", "0", "--connections", "4", "--applications", "7", "-o", "json")
    assert ran.status == 0, ran.errors
    run = ran.first
    assert run["held"] and run["counts"] == {"registered": 35, "stored": 35}
    assert (run["statuses"], run["unit"]) == ({"200": 35}, "Services")
    assert run["figures"].keys() == run["figure_units"].keys() == ran.document["summary"]["figures"].keys()
    assert all(value > 0 for value in run["figures"].values())
    assert sorted(run["figure_units"].values()) == ["Applications/s", "s", "s"]
    assert ran.left == [], "nothing is left behind"


def test_applications_of_a_compass_are_taken_over_and_a_change_arrives(bench: Bench) -> None:
    """As many as the Director has; what is timed besides has its units."""
    ran = bench("compass", "--applications", "6", "-o", "json")
    assert ran.status == 0, ran.errors
    assert ran.first["counts"] == {"at the Director": 6, "in the hub": 6}
    assert sorted(ran.first["figure_units"].values()) == ["MB", "s", "s", "s"]
    assert all(value > 0 for name, value in ran.first["figures"].items() if name != "memory added to the hub")
    assert ran.first["cpu_seconds_per_1000"]["control"] > 0 and ran.left == []


def test_a_full_hub_is_compared_with_an_empty_one(bench: Bench) -> None:
    """The same load before and after it is filled: each event is accounted for, and the cost of both is told."""
    words = ("--applications", "5", "--seconds", "0.4", "--warm-up", "0", "--rate", "100", "--connections", "4")
    ran = bench("scale", *words, "-o", "json")
    assert ran.status == 0, ran.errors
    assert ran.first["counts"] == {"accepted": 80, "arrived": 80} and ran.first["statuses"] == {"204": 80}
    figures = ran.first["figures"]
    assert figures["hub up again until ready, with everything"] > 0 < figures["filling it"]
    assert {"cost of an event against the empty hub", "memory added by what fills it"} <= figures.keys()
    assert ran.left == []
