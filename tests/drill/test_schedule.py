"""The row of faults follows from the seed alone."""

from itertools import islice

import pytest

from hub.drill.schedule import LASTING, TARGETS, check, faults
from hub.kernel.errors import InvalidInput


def test_the_same_seed_gives_the_same_row() -> None:
    """And another one gives another."""
    kinds = tuple(TARGETS)
    assert list(islice(faults(7, kinds), 60)) == list(islice(faults(7, kinds), 60))
    assert list(islice(faults(7, kinds), 60)) != list(islice(faults(8, kinds), 60))


def test_every_kind_comes_in_every_round_and_every_target_in_its_turn() -> None:
    """Nothing is left to luck but the order."""
    kinds = tuple(TARGETS)
    row = list(islice(faults(3, kinds), len(kinds) * 12))
    for begin in range(0, len(row), len(kinds)):
        assert sorted(kinds) == sorted(fault.kind for fault in row[begin : begin + len(kinds)])
    for kind, targets in TARGETS.items():
        struck = [fault.target for fault in row if fault.kind == kind]
        assert sorted(targets) == sorted(struck[: len(targets)])


def test_a_fault_lasts_as_long_as_its_kind_does() -> None:
    """Kills and resets are over at once, everything else within its bounds."""
    for fault in islice(faults(11, tuple(TARGETS)), 200):
        if fault.kind in {"kill", "store"} or fault.target.endswith(("reset", "midway")):
            assert 0 == fault.seconds
        else:
            least, most = LASTING[fault.kind]
            assert least <= fault.seconds <= most


def test_a_companion_joins_only_what_lasts_and_what_was_asked_for() -> None:
    """A third of the lasting faults is joined by a kill; without `kill` and `store` none is."""
    joined = [fault for fault in islice(faults(11, tuple(TARGETS)), 400) if fault.companion]
    assert joined and {"dispatch", "nats-server"} == {fault.companion for fault in joined}
    assert all(fault.seconds > 0 and fault.kind in {"sink", "fill", "clock"} for fault in joined)
    assert all("and kill" in fault.title for fault in joined)
    assert not [fault for fault in islice(faults(11, ("sink", "clock")), 400) if fault.companion]


def test_kinds_are_checked() -> None:
    """None means all; a repeat counts once; an unknown one is refused with the names there are."""
    assert tuple(TARGETS) == check([])
    assert ("kill", "cut") == check(["kill", "cut", "kill"])
    with pytest.raises(InvalidInput, match="no fault 'flood'; it has kill, store"):
        check(["flood"])
