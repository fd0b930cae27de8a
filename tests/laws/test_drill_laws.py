"""The drill's audit finds exactly what is spoilt, whatever that is; its schedule never strays."""

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.drill import audit
from hub.drill.books import Arrival
from hub.drill.events import wanted_by
from hub.drill.schedule import TARGETS, faults
from tests.drill.made_up import STRUCK, held, with_arrivals

HELD = held(38)
DELIVERED = sorted({(arrival.subscription, arrival.id) for arrival in HELD.arrivals if arrival.kept})
KEPT = [index for index, arrival in enumerate(HELD.arrivals) if arrival.kept]


@settings(deadline=None)
@given(st.sets(st.sampled_from(DELIVERED), max_size=30))
def test_exactly_what_is_taken_away_is_lost(taken: set[tuple[str, str]]) -> None:
    """Every lost delivery is found, none is made up."""
    spoilt = with_arrivals(HELD, lambda arrivals: [
        arrival for arrival in arrivals if (arrival.subscription, arrival.id) not in taken
    ])  # fmt: skip
    assert taken == {(name, accepted.event.id) for name, accepted in spoilt.open_ends()}
    assert len(taken) == audit.figures(spoilt, [STRUCK])["lost"]
    lost = [found for found in audit.findings(spoilt, [STRUCK]) if found.promise == "promise 2"]
    assert bool(taken) == bool(lost) and len(lost) == min(len(taken), audit.SHOWN) + (len(taken) > audit.SHOWN)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEPT), st.integers(0, 400)), max_size=30))
def test_whatever_comes_again_breaks_nothing(repeats: list[tuple[int, int]]) -> None:
    """A repeat that comes later than the first, by however much, is counted and no more."""

    def again(arrivals: list[Arrival]) -> list[Arrival]:
        late = sorted(((index + later, arrivals[index]) for index, later in repeats), key=lambda pair: -pair[0])
        for place, arrival in late:
            arrivals.insert(place + 1, arrival)
        return arrivals

    spoilt = with_arrivals(HELD, again)
    assert [] == audit.findings(spoilt, [STRUCK])
    assert len(repeats) == audit.figures(spoilt, [STRUCK])["delivered_again"]


@settings(deadline=None)
@given(st.data())
def test_any_two_events_of_a_key_the_wrong_way_round_are_found(data: st.DataObject) -> None:
    """However far apart they are."""
    name = data.draw(st.sampled_from(["north-ordered", "south-ordered", "inner-ordered"]))
    places = [
        index for index, arrival in enumerate(HELD.arrivals)
        if arrival.kept and arrival.subscription == name and HELD.posted[arrival.id].key
    ]  # fmt: skip
    one, other = data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2, unique=True))

    def turned(arrivals: list[Arrival]) -> list[Arrival]:
        arrivals[one], arrivals[other] = arrivals[other], arrivals[one]
        return arrivals

    found = audit.findings(with_arrivals(HELD, turned), [STRUCK])
    assert found and {"ordering"} == {each.promise for each in found}


@settings(deadline=None)
@given(st.integers(), st.sets(st.sampled_from(tuple(TARGETS)), min_size=1))
def test_any_seed_gives_a_row_of_the_kinds_that_were_asked_for(seed: int, kinds: set[str]) -> None:
    """Numbered from 1, every target one of its kind's."""
    row = list(islice(faults(seed, tuple(sorted(kinds))), 40))
    assert list(range(1, 41)) == [fault.number for fault in row]
    assert all(fault.kind in kinds and fault.target in TARGETS[fault.kind] and fault.pause_seconds > 0 for fault in row)


def test_the_made_up_drill_wants_every_kind_of_subscription() -> None:
    """What the laws above spoil is not empty."""
    assert {name for event in HELD.posted.values() for name in wanted_by(event)} == {
        "north-ordered", "north-plain", "north-function", "south-ordered", "south-plain", "south-hopeless",
        "inner-ordered", "inner-plain",
    }  # fmt: skip
