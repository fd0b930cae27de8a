"""A drill that never took place, in which every promise held: what tests spoil to see whether the audit notices."""

from collections.abc import Callable
from dataclasses import replace

from hub.drill.audit import Struck
from hub.drill.books import Accepted, Arrival, Books
from hub.drill.events import HOPELESS, TO_FUNCTION, Numbered, event_of, foreign, wanted_by
from hub.drill.schedule import Fault

LANES = (("north", "a"), ("south", "c"), ("inner", "b"), ("north", "heap"))
FAULT = Fault(1, "kill", "dispatch", 0.0, 0.1)
STRUCK = Struck(FAULT, 0.5, 0.5, 1.0)


def held(events_per_lane: int = 40) -> Books:
    """Return the books of a drill that held."""
    books = Books()
    place = 0
    for number in range(events_per_lane):
        for solution, lane in LANES:
            event = event_of(solution, lane, number)
            place += 1
            books.posted[event.id] = event
            books.accept(Accepted(event, place / 100, None if event.form == "batch" else place))
            for subscription in wanted_by(event):
                deliver(books, subscription, event)
    stranger = foreign("north", 23)
    books.posted[stranger.id] = stranger
    books.refused[stranger.id] = 403
    books.statuses.update({"204": place, "403": 1})
    return books


def deliver(books: Books, subscription: str, event: Numbered) -> None:
    """Note what becomes of an event with a Subscription of a hub that works."""
    refused = subscription == HOPELESS or (event.poisoned and subscription != TO_FUNCTION)
    books.arrive(subscription, event.id, kept=not refused)
    if refused:
        books.dead.add((subscription, event.id))


def with_arrivals(books: Books, change: Callable[[list[Arrival]], list[Arrival]]) -> Books:
    """Return books in which other things arrived."""
    changed = replace(books, arrivals=[], dead=set(books.dead), _kept={}, _freshest={})
    for arrival in change(list(books.arrivals)):
        changed.arrive(arrival.subscription, arrival.id, kept=arrival.kept)
    return changed
