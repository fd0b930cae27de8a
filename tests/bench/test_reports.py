"""Reports: the table of the README from results, Markdown and plots from real short runs."""

import os
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from hub.bench import plots
from hub.bench.options import PEERS, SCENARIOS, Options
from hub.bench.rows import ROWS, RUNS, Run, table_of
from hub.bench.whole import chosen, measure_all
from hub.bench.yardstick import swing_of
from hub.kernel.errors import InvalidInput, Misconfigured
from tests.bench.conftest import Bench

IMAGE = re.compile(r"!\[[^]]*\]\(([^)]*)\)")


@pytest.fixture
def environment() -> Iterator[None]:
    """Give the environment back: a benchmark in this process sets its hub's."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def result(rate: float, **more: Any) -> dict[str, Any]:
    """Return as much of a result as the table looks at."""
    return {"summary": {"throughput": {"median": rate}}} | more


def test_the_table_holds_what_was_measured_beside_what_is_aimed_at() -> None:
    """A figure that misses its aim says so with both, a ratio without a peer is not measured, and rows of which
    nothing was measured are left out."""
    documents = {"ingress": result(7000, ratio={"median": 1.25}), "delivery-batch": result(30_000)}
    rows = {row["what"]: row for row in table_of(documents)}
    single = rows["single events, acknowledged as stored"]
    assert (single["measured"], single["aim"]) == ("7,000/s", "≥ 8,000/s")
    assert single["missed"] == "7,000/s instead of ≥ 8,000/s"
    assert single["command"] == "`ingress --repeat 3 --peer mq-bridge`"
    assert rows["the same against mq-bridge (Rust)"]["missed"] == ""
    assert rows["the same against mq-bridge, one request per event"]["measured"] == "not measured"
    assert "certificates issued, CA with ECDSA, with RSA 4096" not in rows


def test_a_share_is_of_the_run_without() -> None:
    """What stands beside is compared with the same hub without it, in turns."""
    ratios = {"delivery-dead": 0.99, "delivery-slow": 0.9}
    rows = table_of({name: result(1000, ratio={"median": ratio}) for name, ratio in ratios.items()})
    [row] = [row for row in rows if row["what"].startswith("delivery beside one to a dead sink")]
    assert row["measured"] == "0.99 of that without, 0.90 of that without"
    assert row["missed"] == "0.90 of that without instead of ≥ 0.95 of that without"


def test_a_machine_that_was_slow_for_a_while_is_told() -> None:
    """Whoever compares two reports learns that the machine changed; where it did not, nothing is said."""
    assert "up to 2.0 times slower" in swing_of({"laps_ms": [40.0, 80.0, 50.0]})
    assert swing_of({"laps_ms": [40.0, 44.0]}) == swing_of({"laps_ms": []}) == swing_of({}) == ""


def test_every_row_is_made_of_runs_there_are() -> None:
    """Names agree, options are sound and each scenario stands in the table; a run is what its words say."""
    names = {run.name for run in RUNS}
    assert {value.run for row in ROWS for value in row.values} <= names
    assert {run.options.scenario for run in RUNS} == set(SCENARIOS)
    for run in RUNS:
        run.options.checked()
        assert run.words.split()[0] == run.options.scenario
        assert run.options.peer is None or run.options.peer in PEERS[run.options.scenario]
        assert (f"--peer {run.options.peer}" in run.words) is bool(run.options.peer)


def test_runs_are_chosen_by_name_or_scenario() -> None:
    """And what is none of them is refused with what there is."""
    assert [run.name for run in chosen(["connector", "e2e"])] == ["e2e", "connector", "connector-rsa"]
    assert chosen([]) == list(RUNS)
    with pytest.raises(InvalidInput, match="no run nothing; there are ingress"):
        chosen(["nothing"])


@pytest.mark.usefixtures("environment")
def test_a_run_that_fails_does_not_take_the_others_along(tmp_path: Path) -> None:
    """It is told, and what comes after it is measured and kept."""
    short: dict[str, Any] = {"warm_up": 0.0, "connections": 4}
    runs = [
        Run("ingress", "ingress", Options("ingress", sync="no interval", **short)),
        Run("connector", "connector", Options("connector", **short)),
    ]

    document = measure_all(runs, 0.2, lambda _run, _place: nullcontext(lambda _line: None), tmp_path)
    assert not document["held"] and document["complaints"][0].startswith("ingress could not be measured: ")
    assert list(document["runs"]) == ["connector"] and [path.name for path in tmp_path.iterdir()] == ["connector.json"]
    assert any(row["command"].startswith("`connector`") for row in document["table"])


@pytest.mark.skipif(plots.find_spec("matplotlib") is None, reason="the extra `bench` is not installed")
@pytest.mark.parametrize(
    "words",
    [("all", "--only", "connector", "--seconds", "1"), ("soak", "--minutes", "0.05", "--rate", "50", "--every", "1")],
    ids=["all", "soak"],
)
def test_a_report_has_its_table_and_its_plots(bench: Bench, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Every plot that it shows is there, and the result as JSON."""
    folder = tmp_path / "report"
    ran = bench(*words, "--report", str(folder))
    assert ran.status == 0, ran.errors
    text = (folder / "report.md").read_text()
    shown = IMAGE.findall(text)
    assert len(shown) >= 4 and all((folder / name).read_bytes().startswith(b"\x89PNG") for name in shown)
    assert (folder / f"{words[0]}.json").stat().st_size > 1000
    assert ran.left == ["report"]


def test_without_matplotlib_a_report_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text says how it is installed."""
    monkeypatch.setattr(plots, "find_spec", lambda _name: None)
    with pytest.raises(Misconfigured, match=r"pip install 'integration-hub\[bench\]'"):
        plots.check()
