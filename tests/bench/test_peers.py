"""A peer does the same work beside the hub, and what it stored is counted alike."""

from importlib.util import find_spec

import pytest

from tests.bench.conftest import Bench

NEEDS_EXTRA = pytest.mark.skipif(find_spec("mq_bridge") is None, reason="the extra `bench` is not installed")


@pytest.mark.parametrize("peer", ["bare", pytest.param("mq-bridge", marks=NEEDS_EXTRA)])
def test_a_peer_is_measured_and_the_ratio_told(bench: Bench, peer: str) -> None:
    """Its acknowledged events are in its stream too; the ratio is the hub's throughput over the peer's."""
    ran = bench("ingress", "--seconds", "1", "--warm-up", "0.3", "--connections", "8", "--peer", peer, "-o", "json")
    assert ran.status == 0, ran.errors
    document = ran.document
    mine, other = document["runs"][0], document["peer"]["runs"][0]
    assert peer == document["peer"]["name"]
    assert 0 < other["counts"]["accepted"] == other["counts"]["stored"]
    assert set(other["statuses"]) <= {"200", "202", "204"}
    assert document["ratio"]["median"] == pytest.approx(mine["throughput"] / other["throughput"], rel=0.01)
    assert other["cpu_seconds_per_1000"]["peer"] > 0 and other["peak_memory_mb"]["nats-server"] > 0
    assert ran.left == []
