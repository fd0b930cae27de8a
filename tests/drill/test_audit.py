"""The audit notices what is spoilt: an audit that cannot find a lost event is worthless."""

from dataclasses import replace

import pytest

from hub.drill import audit
from hub.drill.audit import Finding, Struck
from hub.drill.books import Accepted, Books
from hub.drill.events import event_of, foreign
from tests.drill.made_up import FAULT, STRUCK, held, with_arrivals


def findings(books: Books, struck: Struck = STRUCK) -> list[Finding]:
    """Return what the audit says of a drill with one fault."""
    return audit.findings(books, [struck])


def test_nothing_is_said_of_a_drill_that_held() -> None:
    """No finding, and the figures balance."""
    books = held()
    assert [] == findings(books)
    figures = audit.figures(books, [STRUCK])
    assert (161, 160, 0, 0, 0) == tuple(figures[name] for name in
                                        ("posted", "accepted", "lost", "out_of_order", "delivered_again"))  # fmt: skip
    assert {"403": 1} == figures["refused"] and 0.5 == figures["recovery_seconds"]["kill longest"]
    assert figures["dead_lettered"] == 40 + 2 * 3, "all of the hopeless Subscription, and the poisoned one of each lane"


def test_an_event_that_never_arrives_is_lost() -> None:
    """Promise 2: who lost what, when it was accepted, and which fault was the last before."""
    event = event_of("inner", "b", 17)
    spoilt = with_arrivals(held(), lambda arrivals: [
        each for each in arrivals if (each.subscription, each.id) != ("inner-plain", event.id)
    ])  # fmt: skip
    [found] = findings(spoilt)
    assert "promise 2" == found.promise and 1 == audit.figures(spoilt, [STRUCK])["lost"]
    assert "inner/b/17" in found.text and event.id in found.text and "'inner-plain'" in found.text
    assert "number 71 of EVENTS" in found.text and "fault 1 (kill dispatch" in found.look


def test_an_event_that_was_not_taken_is_lost_unless_it_is_a_dead_letter() -> None:
    """An attempt is no delivery; a dead letter is an end too."""
    event = event_of("inner", "b", 17)
    spoilt = with_arrivals(held(), lambda arrivals: [
        replace(each, kept=each.kept and each.id != event.id) for each in arrivals
    ])  # fmt: skip
    assert ["promise 2", "promise 2"] == [found.promise for found in findings(spoilt)]
    spoilt.dead |= {("inner-plain", event.id), ("inner-ordered", event.id)}
    assert [] == findings(spoilt)


def test_a_poisoned_event_without_a_dead_letter_is_lost() -> None:
    """Given up without a letter is a silent drop."""
    books = held()
    event = event_of("north", "a", 36)
    assert event.poisoned
    books.dead.remove(("north-ordered", event.id))
    [found] = findings(books)
    assert "promise 2" == found.promise and "north/a/36" in found.text


def test_what_comes_again_is_counted_and_no_complaint() -> None:
    """At least once: the same event twice is allowed, also late."""
    spoilt = with_arrivals(held(), lambda arrivals: arrivals + [each for each in arrivals if each.kept][:10])
    assert [] == findings(spoilt)
    assert 10 == audit.figures(spoilt, [STRUCK])["delivered_again"]


def test_two_events_of_a_key_the_wrong_way_round_are_seen() -> None:
    """Only where the order is promised: the plain Subscription gets them in any order."""
    first, second = event_of("south", "c", 5), event_of("south", "c", 6)
    turned = {first.id: second.id, second.id: first.id}
    spoilt = with_arrivals(held(), lambda arrivals: [
        replace(each, id=turned.get(each.id, each.id)) for each in arrivals
    ])  # fmt: skip
    [found] = findings(spoilt)
    assert "ordering" == found.promise and 1 == audit.figures(spoilt, [STRUCK])["out_of_order"]
    assert "'south-ordered'" in found.text and "south/c/5" in found.text and "after number 6" in found.text


def test_a_place_given_twice_means_that_the_first_is_not_stored() -> None:
    """Promise 1: the store has forgotten an event that was answered 2xx."""
    books = held()
    one, other = event_of("north", "a", 3), event_of("inner", "b", 30)
    books.accepted[other.id] = replace(books.accepted[other.id], place=books.accepted[one.id].place)
    [found] = findings(books)
    assert "promise 1" == found.promise and "north/a/3" in found.text and "inner/b/30" in found.text


def test_a_sound_event_may_not_be_refused_for_good() -> None:
    """Promise 3: what the hub cannot take now it must let come again."""
    books = held()
    event = event_of("north", "b", 1)
    books.posted[event.id] = event
    books.refused[event.id] = 400
    [found] = findings(books)
    assert "promise 3" == found.promise and "400" in found.text


@pytest.mark.parametrize("status", ["500", "501", "302"])
def test_an_answer_that_says_nothing_to_the_poster_is_seen(status: str) -> None:
    """Promise 3, though the event came through later."""
    books = held()
    books.statuses[status] += 1
    [found] = findings(books)
    assert "promise 3" == found.promise and status in found.text


def test_a_full_store_must_say_when_to_come_again() -> None:
    """Promise 3: 507 goes with Retry-After."""
    books = held()
    books.hurried = 2
    [found] = findings(books)
    assert "promise 3" == found.promise and "Retry-After" in found.text


def test_an_event_under_another_name_must_be_refused() -> None:
    """Promise 5, whether it was accepted or arrived although it was not."""
    books = held()
    stranger = foreign("north", 23)
    books.accept(Accepted(stranger, 1.0, 9999))
    assert "promise 5" in [found.promise for found in findings(books)]
    books = held()
    books.arrive("south-plain", stranger.id, kept=True)
    assert "promise 5" in [found.promise for found in findings(books)]


def test_an_event_that_nobody_posted_is_seen() -> None:
    """Deliveries are of accepted events."""
    books = held()
    books.arrive("south-plain", "made-up", kept=True)
    [found] = findings(books)
    assert "promise 2" == found.promise and "'made-up'" in found.text


@pytest.mark.parametrize(
    ("spoilt", "promise", "said"),
    [
        (replace(STRUCK, recovered=None), "promise 2", "not recovered from"),
        (replace(STRUCK, starved=("north-plain",)), "promise 4", "north-plain"),
        (replace(STRUCK, note="nobody there"), "the drill", "did not strike: nobody there"),
    ],
)
def test_what_came_of_a_fault_is_judged(spoilt: Struck, promise: str, said: str) -> None:
    """No recovery, a neighbour that starves, a fault that missed: none of them passes for success."""
    [found] = findings(held(), spoilt)
    assert promise == found.promise and said in found.text and FAULT.title in found.text
    assert str(found).endswith(f"Look at {found.look}.")
