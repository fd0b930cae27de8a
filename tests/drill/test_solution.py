"""A solution of the drill posts as the hub asks of its solutions: again under the same id until it is answered."""

import json
from collections.abc import Callable

import httpx

from hub.drill.books import Accepted, Books
from hub.drill.events import BALLAST, HEAP, event_of
from hub.drill.solution import Solution

Answering = Callable[[httpx.Request], httpx.Response]


def solution(answering: Answering, books: Books, neighbour: str = "") -> Solution:
    """Return a solution whose hub answers as the function does."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(answering), base_url="http://hub")
    return Solution("north", client, books, neighbour=neighbour)


def stored(place: int, *, duplicate: bool = False) -> httpx.Response:
    """Return the answer to a stored event."""
    return httpx.Response(204, headers={"hub-sequence": str(place), "hub-duplicate": str(duplicate).lower()})


async def test_an_event_is_posted_again_until_it_is_stored() -> None:
    """No answer, 503, then stored before as it turns out: one event, three posts, the same id."""
    ids: list[str] = []

    def answering(request: httpx.Request) -> httpx.Response:
        ids.append(request.headers["ce-id"])
        if len(ids) == 1:
            raise httpx.ReadTimeout("silence")
        return httpx.Response(503, headers={"retry-after": "1"}) if len(ids) == 2 else stored(7, duplicate=True)

    books = Books()
    assert 3 == await solution(answering, books).post_next("a")
    event = event_of("north", "a", 0)
    assert [event.id] * 3 == ids
    found = books.accepted[event.id]
    assert (7, True, 3) == (found.place, found.duplicate, found.posts)
    assert {"no answer": 1, "503": 1, "204": 1} == books.statuses and 0 == books.hurried


async def test_what_is_refused_for_good_is_noted_and_not_posted_again() -> None:
    """The audit judges whether it should have been."""
    books = Books()
    assert 1 == await solution(lambda _request: httpx.Response(400), books).post_next("a")
    assert {event_of("north", "a", 0).id: 400} == books.refused and {} == books.accepted


async def test_a_batch_is_one_post_of_the_next_five() -> None:
    """All of them are accepted by its answer, which names no place of each."""
    sizes: list[int] = []

    def answering(request: httpx.Request) -> httpx.Response:
        sizes.append(len(json.loads(request.content)))
        return httpx.Response(200, headers={"hub-sequence": "3..7", "hub-duplicate": "0"})

    books = Books()
    await solution(answering, books).post_next(HEAP)
    assert [5] == sizes and 5 == len(books.accepted)
    assert {None} == {each.place for each in books.accepted.values()}


async def test_a_full_store_keeps_the_ballast_waiting() -> None:
    """Asked once at a time, it is the same event until that is stored; 507 without Retry-After is noted."""
    answers = [stored(1), httpx.Response(507), httpx.Response(507, headers={"retry-after": "5"}), stored(2)]
    ids: list[str] = []

    def answering(request: httpx.Request) -> httpx.Response:
        ids.append(request.headers["ce-id"])
        return answers[len(ids) - 1]

    books = Books()
    poster = solution(answering, books)
    assert ["204", "507", "507", "204"] == [await poster.post_once(BALLAST) for _ in range(4)]
    first, second = (event_of("north", BALLAST, number).id for number in (0, 1))
    assert [first, second, second, second] == ids and 1 == books.hurried


def test_the_freshest_event_counts_whatever_was_heard_first() -> None:
    """An event can arrive before its poster hears that it is stored; one that was not taken does not count."""
    books, event, later = Books(), event_of("inner", "a", 1), event_of("inner", "a", 2)
    books.arrive("inner-plain", event.id, kept=True)
    assert 0.0 == books.freshest("inner-plain")
    books.accept(Accepted(event, 4.5))
    assert 4.5 == books.freshest("inner-plain") and 0.0 == books.freshest("inner-ordered")
    books.accept(Accepted(later, 5.0))
    books.arrive("inner-plain", later.id, kept=False)
    assert 4.5 == books.freshest("inner-plain")
    assert {("inner-ordered", event.id), ("inner-plain", later.id), ("inner-ordered", later.id)} == {
        (name, accepted.event.id) for name, accepted in books.open_ends()
    }
