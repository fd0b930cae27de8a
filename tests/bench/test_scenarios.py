"""Real short runs of each scenario: what is counted must balance. How fast it was is asserted nowhere."""

import pytest

from tests.bench.conftest import Bench

SHORT = ("--seconds", "1", "--warm-up", "0.3", "--connections", "8", "-o", "json")


@pytest.mark.parametrize(
    "options",
    [(), ("--rate", "40"), ("--batch", "5"), ("--listener", "edge"), ("--size", "16"), ("--sync", "always")],
    ids=["closed", "open", "batch", "edge", "small", "synced"],
)
def test_ingress_counts_what_the_stream_holds(bench: Bench, options: tuple[str, ...]) -> None:
    """Every event that was acknowledged is in the stream, and nothing but 204 was answered."""
    ran = bench("ingress", *SHORT, *options)
    assert ran.status == 0, ran.errors
    run = ran.first
    assert run["held"] and run["complaints"] == []
    assert 0 < run["counts"]["accepted"] == run["counts"]["stored"]
    per_request = ran.document["options"]["batch"]
    assert run["statuses"] == {"204": run["counts"]["accepted"] // per_request}
    assert 0 < run["latency_ms"]["p50"] <= run["latency_ms"]["p99"] <= run["latency_ms"]["p999"]
    assert ran.left == [], "nothing is left behind"


@pytest.mark.parametrize(
    ("scenario", "options"),
    [("delivery", ()), ("delivery", ("--rate", "40")), ("functions", ()), ("functions", ("--rate", "40"))],
)
def test_every_accepted_event_arrives(bench: Bench, scenario: str, options: tuple[str, ...]) -> None:
    """What was acknowledged has reached the sink or the Function, each event of it."""
    ran = bench(scenario, *SHORT, *options)
    assert ran.status == 0, ran.errors
    run = ran.first
    assert run["held"] and 0 < run["counts"]["accepted"] == run["counts"]["delivered"]
    assert run["throughput"] > 0
    assert bool(run["latency_ms"]) is bool(options), "a backlog has no latency, a schedule has"


def test_e2e_keeps_to_a_schedule_and_tells_what_it_cost(bench: Bench) -> None:
    """Without --rate it takes 500 events/s; CPU time and memory are told of each process of the hub."""
    ran = bench("e2e", *SHORT)
    assert ran.status == 0, ran.errors
    assert ran.document["options"]["rate"] == 500.0
    run = ran.first
    # As many requests are due as the schedule says, however long their answers take: 1.3 s of 500/s, the first at 0.
    assert run["counts"]["accepted"] == run["counts"]["delivered"] == 650
    assert run["latency_ms"]["p50"] > 0
    for kind in ("nats-server", "edge", "inside", "dispatch", "control", "functions", "total"):
        assert kind in run["cpu_seconds_per_1000"] and run["peak_memory_mb"][kind] > 0
    assert run["idle_memory_mb"]["total"] > 0 and run["ready_seconds"] > 0


@pytest.mark.parametrize("options", [(), ("--rate", "40")], ids=["closed", "open"])
def test_calls_through_the_gateway_carry_the_credentials(bench: Bench, options: tuple[str, ...]) -> None:
    """The target refuses calls without them, and every call was answered 200."""
    ran = bench("gateway", *SHORT, *options)
    assert ran.status == 0, ran.errors
    run = ran.first
    assert run["held"] and run["statuses"] == {"200": run["counts"]["answered by the target"]}
    assert run["latency_ms"]["p50"] > 0 < run["latency_ms"]["direct_p50"]


def test_repeated_runs_are_put_together(bench: Bench) -> None:
    """Each run has a hub of its own; the summary holds median, lowest and highest of them."""
    ran = bench("ingress", *SHORT, "--repeat", "2")
    assert ran.status == 0, ran.errors
    assert 2 == len(ran.document["runs"])
    rates = sorted(run["throughput"] for run in ran.document["runs"])
    spread = ran.document["summary"]["throughput"]
    assert [spread["low"], spread["high"]] == rates and rates[0] <= spread["median"] <= rates[1]


def test_a_table_for_people_has_units_and_no_progress_bar_in_a_pipe(bench: Bench) -> None:
    """Figures carry their units; standard error stays empty when it is no terminal and all went well."""
    ran = bench("ingress", "--seconds", "0.5", "--warm-up", "0", "--rate", "40")
    assert ran.status == 0 and ran.errors == ""
    for text in ("events/s", "ms", "CPU s / 1,000 events", "peak memory MB", "nats-server", "204 ×"):
        assert text in ran.output


def test_an_answer_other_than_2xx_makes_the_run_fail(bench: Bench) -> None:
    """Events over the limit are answered 413: each is counted, the command says so and ends with status 1."""
    ran = bench("ingress", *SHORT, "--size", "70000")
    assert 1 == ran.status
    assert "were answered 413" in ran.errors
    assert not ran.document["held"] and ran.first["statuses"]["413"] > 0 and ran.first["counts"]["stored"] == 0
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
        ("delivery", "--batch", "2"),
        ("functions", "--listener", "edge"),
        ("e2e", "--peer", "bare"),
        ("connector", "--batch", "2"),
        ("ingress", "--authority", "rsa-4096"),
        ("ingress", "--applications", "5"),
        ("registry", "--rate", "5"),
        ("registry", "--applications", "0"),
        ("ingress", "--output", "xml"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_status_2(bench: Bench, arguments: tuple[str, ...]) -> None:
    """Nothing is started for a command that cannot be meant."""
    ran = bench(*arguments)
    assert (2, []) == (ran.status, ran.left)
    assert ran.output == "" and "Usage" in ran.errors


@pytest.mark.parametrize("authority", ["ecdsa-p256", "rsa-4096"])
def test_every_certificate_that_was_issued_was_announced(bench: Bench, authority: str) -> None:
    """Each answer of 201 is a certificate that the other rooms have heard of; the figures name what they count."""
    ran = bench("connector", *SHORT, "--authority", authority)
    assert ran.status == 0, ran.errors
    run = ran.first
    assert run["held"] and 0 < run["counts"]["issued"] == run["counts"]["announced"]
    assert run["statuses"] == {"201": run["counts"]["issued"]}
    assert run["unit"] == "certificates" and run["latency_ms"]["p50"] > 0
    assert (*run["figure_units"].values(),) == ("µs",) and all(value > 0 for value in run["figures"].values())
    assert ran.left == [], "nothing is left behind"


def test_every_service_that_was_answered_as_registered_is_stored(bench: Bench) -> None:
    """Five of each Application; the list and the second start are timed, each figure with a unit of its own."""
    ran = bench("registry", *SHORT, "--applications", "7")
    assert ran.status == 0, ran.errors
    run = ran.first
    assert run["held"] and run["counts"] == {"registered": 35, "stored": 35}
    assert (run["statuses"], run["unit"]) == ({"200": 35}, "Services")
    assert run["figures"].keys() == run["figure_units"].keys() == ran.document["summary"]["figures"].keys()
    assert all(value > 0 for value in run["figures"].values())
    assert sorted(run["figure_units"].values()) == ["Applications/s", "s", "s"]
    assert ran.left == [], "nothing is left behind"
