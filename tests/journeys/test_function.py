"""A Function's whole life through the command line alone: written, run, deployed, broken, fixed, gone back to."""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journeys.conftest import House

FIRST = """def main(event, context):
    order = event["data"]
    print("order", order["id"])
    event.emitCloudEvent("order.checked.v1", "orders", {"id": order["id"]})
    return {"checked": order["id"]}
"""
SUBSCRIPTION = {
    "apiVersion": "eventing.kyma-project.io/v1alpha2",
    "kind": "Subscription",
    "metadata": {"name": "to-checkout"},
    "spec": {
        "sink": "http://checkout.default.svc.cluster.local",
        "source": "desk",
        "types": ["order.created.v1"],
        "typeMatching": "standard",
        "delivery": {"maxAttempts": 50, "backoff": {"schedule": ["200ms"]}},
    },
}


def until(fact: Any, seconds: float = 40) -> Any:
    """Wait until a fact holds; returns it."""
    limit = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.1)
    return found


class Desk:
    """What a developer types."""

    def __init__(self, house: House, folder: Path) -> None:
        """Write the Function into a folder."""
        self.house = house
        self.folder = folder / "checkout"
        self.hub = house.hub
        self.hub("function", "new", "checkout", "-d", str(self.folder))

    def write(self, source: str) -> None:
        """Change the handler."""
        (self.folder / "handler.py").write_text(source)

    def deploy(self, *options: str, status: int = 0) -> str:
        """Deploy the folder as it is."""
        return self.hub("function", "deploy", str(self.folder), *options, status=status)

    def invoke(self) -> str:
        """Call the Function once; returns what it answered."""
        return self.hub("function", "invoke", "checkout", "--data", '{"id": 7}').strip()

    def publish(self, event_id: str) -> None:
        """Post an order of the desk, as its Application."""
        self.hub(
            "publish", "--type", "order.created.v1", "--app", "desk", "--id", event_id, "--data", '{"id": 9}'
        )

    def revisions(self) -> dict[int, dict[str, Any]]:
        """Return the revisions by number."""
        told = self.house.answer("function", "revisions", "checkout")
        return {row["number"]: row for row in told["revisions"]}


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    """Return a developer's desk."""
    return Desk(house, tmp_path)


def test_a_function_from_its_first_line_to_going_back(desk: Desk, tmp_path: Path) -> None:
    """Everything a developer does with a Function, each step seen by what the next command says."""
    hub, answer = desk.hub, desk.house.answer

    # Written and tried without a hub.
    desk.write(FIRST)
    tried = hub("function", "run", str(desk.folder), "--once")
    assert "→ published order.checked.v1 from orders" in tried and '→ 200 {"checked": 7}' in tried

    # Deployed, called, triggered by an event; what it publishes has its own name as source.
    assert "created after" in desk.deploy()
    assert desk.invoke() == '{"checked": 7}'
    manifest = tmp_path / "subscription.yaml"
    manifest.write_text(yaml.safe_dump(SUBSCRIPTION))
    hub("apply", "-f", str(manifest))
    until(lambda: "desk" in hub("get", "subscription", "to-checkout", "-o", "json"))
    desk.publish("o-1")
    seen = until(lambda: _tail(desk.house, "default/checkout"))
    assert seen[-1]["type"] == "order.checked.v1" and seen[-1]["attributes"]["hubdepth"] == "1"
    listed = answer("function", "list")["items"][0]
    assert listed["status"]["live"]["instances"] == 1 and listed["status"]["live"]["errorPercent"] == 0

    # Broken in two ways: one that cannot be deployed, which costs nothing, and one that fails for each event.
    desk.write("def main(event, context:\n")
    refused = desk.deploy(status=1)
    assert "SyntaxError" in refused and "handler.py, line 1" in refused and "still answers" in refused
    assert desk.invoke() == '{"checked": 7}'
    desk.write(FIRST.replace('order["id"]', 'order["number"]'))
    desk.deploy()
    desk.publish("o-2")
    until(lambda: "KeyError: 'number'" in hub("events", "show", "o-2"))

    # The event that failed becomes a test case; the fix is tried with it before anybody else gets it.
    case = desk.folder / "events" / "o-2.json"
    assert hub("events", "show", "o-2", "--save", str(case)) == f"{case}\n"
    failed = hub("function", "run", str(desk.folder), "--once", "--event", str(case), status=1)
    assert "✗ o-2.json → 500 KeyError: 'number'" in failed
    desk.write(FIRST.replace('{"checked": order["id"]}', '{"checked": order["id"], "by": "fix"}'))
    assert "✓ o-2.json → 200" in hub("function", "run", str(desk.folder), "--once", "--event", str(case))

    # First as a shadow of the broken one, whose events it gets and about which it tells, publishing nothing.
    desk.deploy("--shadow")
    compared = until(lambda: _difference(desk.house))
    assert compared["live"]["status"] == 500 and '"by"' in compared["shadow"]["body"]
    assert [call["type"] for call in compared["calls"]] == ["order.checked.v1"]

    # Then for half of the calls, which is no new revision, then for all; the event that waited is delivered.
    fixed = max(desk.revisions())
    desk.deploy("--percent", "50")
    shared = {number: row["percent"] for number, row in desk.revisions().items() if row["percent"]}
    assert shared[fixed] == 50 and len(shared) == 2
    assert "configured" in desk.deploy()
    assert max(desk.revisions()) == fixed and '"by"' in desk.invoke()
    until(lambda: len(_tail(desk.house, "default/checkout")) >= 2)

    # Gone back to the very first revision, and the whole story is told.
    said = hub("function", "rollback", "checkout", "--to", "1")
    assert "the same as revision 1" in said
    assert desk.invoke() == '{"checked": 7}'
    rows = desk.revisions()
    assert [rows[number]["ready"] for number in sorted(rows)[:2]] == [True, False]
    assert rows[max(rows)]["percent"] == 100

    # A share of the calls, without a deployment.
    good = sorted(number for number, row in rows.items() if row["ready"])[-2]
    hub("function", "route", "checkout", f"{good}=100")
    assert '"by"' in desk.invoke()
    hub("function", "route", "checkout")
    assert desk.invoke() == '{"checked": 7}'

    hub("delete", "subscription", "to-checkout")
    hub("delete", "function", "checkout")
    assert "There is no Function" in hub("function", "invoke", "checkout", "--data", "{}", status=1)


def _tail(house: House, source: str) -> list[dict[str, Any]]:
    import orjson

    lines = house.hub("events", "tail", "--no-follow", "--since", "1h", "--app", source, "-o", "json").splitlines()
    return [orjson.loads(line) for line in lines]


def _difference(house: House) -> dict[str, Any] | None:
    import subprocess
    import sys

    import orjson

    done = subprocess.run(
        [sys.executable, "-P", "-m", "hub", "function", "compare", "checkout", "-o", "json"],
        env=house.env, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    told = orjson.loads(done.stdout or b"{}")
    found: list[dict[str, Any]] = told.get("differences", [])
    return found[-1] if found else None
