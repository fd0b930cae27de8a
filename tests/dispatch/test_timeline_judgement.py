"""The pure part of timelines and replay: what follows from a position and from records, case by case."""

from typing import Any

import pytest

from hub.dispatch.replaying import History, headers_again, read_wanted
from hub.dispatch.timeline import Event, Evidence, Wish, collect, covers, judge
from hub.dispatch.timeline_standing import Standing, standing_of
from hub.kernel.errors import InvalidField, MissingField
from hub.kernel.resource import Resource

EVENT = Event(10, 100.0, "events.shop.order.created.v1")
OWN = Evidence(10, 100.0)
WISH = Wish(("events.shop.order.created.v1",))


def standing(**changes: Any) -> Standing:
    """Return a Subscription made at 50 whose position is past 20, changed as said."""
    return Standing(**({"created": 50.0, "generation": 1, "is_paused": False, "delivered": 20, "floor": 20} | changes))


@pytest.mark.parametrize(
    ("changes", "state", "step"),
    [
        ({}, "delivered", "delivered"),
        ({"generation": 2}, "settled", "settled"),
        ({"created": 101.0}, "not_delivered", "created_after"),
        ({"start_moment": 101.0}, "not_delivered", "position"),
        ({"start_sequence": 11}, "not_delivered", "position"),
        ({"has_consumer": False}, "waiting", "not_ready"),
        ({"delivered": 9, "floor": 9}, "waiting", "not_yet"),
        ({"delivered": 9, "is_paused": True}, "waiting", "paused"),
        ({"delivered": 9, "breaker": "open"}, "waiting", "circuit_open"),
        ({"floor": 9, "in_hand": 1}, "under_way", "under_way"),
        ({"floor": 9, "in_hand": 0}, "delivered", "delivered"),
    ],
)
def test_a_position_means_a_state(changes: dict[str, Any], state: str, step: str) -> None:
    """Without records the position decides."""
    verdict = judge(EVENT, WISH, standing(**changes), [OWN])
    assert (verdict.state, verdict.step) == (state, step)


def test_what_happened_outranks_what_is_wanted_now() -> None:
    """An attempt that was made is told, whatever the Subscription says today."""
    attempts = ({"attempt": 1, "outcome": "retry", "error": "The sink answered 503.", "next_at": "T"},)
    verdict = judge(EVENT, Wish(("events.desk.other",)), standing(floor=9, in_hand=1), [
        Evidence(10, 100.0, attempts=attempts)
    ])  # fmt: skip
    assert (verdict.state, verdict.next_at, "503" in verdict.text) == ("retrying", "T", True)


def test_records_belong_to_their_position() -> None:
    """By position where the writer told it, else by time: after the event, before its next replay."""
    records = [
        {"sequence": 30, "attempt": 1, "recorded_at": 100.5},
        {"attempt": 2, "recorded_at": 150.0},
        {"attempt": 3, "recorded_at": 250.0},
    ]
    trail = collect(OWN, [Evidence(30, 200.0, "events", of=10)], records, [], [])
    assert [[each["attempt"] for each in evidence.attempts] for evidence in trail] == [[2], [1, 3]]


@pytest.mark.parametrize(
    ("wanted", "subject", "expected"),
    [
        ("events.shop.a.b", "events.shop.a.b", True),
        ("events.*.a.b", "events.shop.a.b", True),
        ("events.shop.>", "events.shop.a.b", True),
        ("events.shop.>", "events.shop", False),
        ("events.shop.a", "events.shop.a.b", False),
        ("events.shop.a.b.c", "events.shop.a.b", False),
        ("events.*.a.b", "events.shop.a.c", False),
    ],
)
def test_filter_subjects_cover_as_the_server_reads_them(wanted: str, subject: str, expected: bool) -> None:
    """One star is one token, the bracket is at least one more."""
    assert covers(wanted, subject) is expected


def test_a_standing_is_read_from_what_the_server_tells() -> None:
    """Pause and breaker from the Subscription or the consumer; a consumer from `new` starts when it was made."""
    resource = Resource("v", "Subscription", "orders", "default", {"paused": True}, created="1970-01-01T00:00:50Z")
    assert standing_of(resource, None) == Standing(50.0, 0, True, has_consumer=False)
    told = {
        "config": {"deliver_policy": "new"}, "created": "1970-01-01T00:01:00.5Z",
        "num_pending": 3, "num_ack_pending": 2,
        "delivered": {"stream_seq": 9}, "ack_floor": {"stream_seq": 7},
    }  # fmt: skip
    status = {"circuitBreaker": {"state": "open"}}
    found = standing_of(resource.with_status(status), told)
    assert found == Standing(50.0, 0, True, "open", True, 60.5, 0, 9, 7, 3, 2)


@pytest.mark.parametrize(
    ("changes", "history", "fate"),
    [
        ({}, {}, "delivered"),
        ({}, {"failed": frozenset({10})}, "failed"),
        ({"created": 101.0}, {}, "never"),
        ({"generation": 2}, {}, "unknown"),
        ({"start_sequence": 11}, {}, "unknown"),
        ({"generation": 2}, {"replays": {10: [(15, 110.0)]}}, "delivered"),
        ({"created": 101.0}, {"replays": {10: [(15, 110.0)]}, "failed": frozenset({15})}, "never"),
        ({}, {"replays": {10: [(25, 110.0)]}, "failed": frozenset({10})}, "waiting"),
        ({"floor": 12, "in_hand": 1}, {"replays": {10: [(15, 110.0)]}, "failed": frozenset({10})}, "in_hand"),
    ],
)
def test_the_fate_of_an_event_counts_its_replays(changes: dict[str, Any], history: dict[str, Any], fate: str) -> None:
    """One replay that succeeded is a success; one under way is not repeated; all failed is as before."""
    assert History(standing(**changes), **history).fate_of(10, 100.0) == fate


def test_a_key_is_an_attribute_or_a_place_in_the_data() -> None:
    """Numbers are compared as JSON writes them; data that is no JSON has no place."""
    request = {"name": "orders", "from_sequence": 1}
    pointer = read_wanted(request | {"key": ["/a/0/b~1c", "7"]})
    assert pointer.has_key({}, b'{"a":[{"b/c":7}]}')
    assert not pointer.has_key({}, b'{"a":[]}')
    assert not pointer.has_key({}, b"no json")
    assert read_wanted(request | {"key": ["subject", "x y"]}).has_key({"ce-subject": "x%20y"}, b"")


def test_an_event_is_stored_once_per_run() -> None:
    """The same run gives the same message id, another run another; the hub's own headers stay behind."""
    request = {"name": "orders", "from_sequence": 1, "by": "ann", "run": "r1"}
    first, again, other = (
        headers_again({"ce-id": "e", "Nats-Msg-Id": "x", "Hub-Kind": "y"}, 10, None, read_wanted(asked), now)
        for asked, now in ((request, 1.0), (request, 2.0), (request | {"run": "r2"}, 1.0))
    )
    assert first["Nats-Msg-Id"] == again["Nats-Msg-Id"] != other["Nats-Msg-Id"]
    assert (first["ce-id"], first["Replay-Origin"], "Hub-Kind" in first) == ("e", "events", False)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"from_sequence": 1}, MissingField),
        ({"name": "orders"}, MissingField),
        ({"name": "orders", "from_sequence": 0}, InvalidField),
        ({"name": "orders", "from_at": True}, InvalidField),
        ({"name": "orders", "from_at": 1.0, "key": ["a"]}, InvalidField),
    ],
)
def test_a_wrong_request_is_refused(request_: dict[str, Any], error: type[Exception]) -> None:
    """Nothing is guessed."""
    with pytest.raises(error):
        read_wanted(request_)
