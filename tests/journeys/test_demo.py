"""The hub's main job from one command: everything real, every event accounted for."""

from pathlib import Path

from tests.journeys.conftest import played


def test_the_demo_accounts_for_every_event(tmp_path: Path) -> None:
    """Exit status 0, and the result says of each of the 200 events what became of it."""
    result = played(tmp_path, "--no-live")
    assert 200 == result["tally"]["posted"] and [] == result["kills"]
    assert list(tmp_path.glob("hub-demo-*")) == [], "what held leaves nothing behind"
