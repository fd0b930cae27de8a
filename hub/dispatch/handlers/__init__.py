"""What dispatch answers on request: dead letters, replays, and where an event is."""

from faststream.nats import NatsRouter

from contracts import subjects
from hub.dispatch.handlers.dead_letters import DeadLetters
from hub.dispatch.handlers.events import Events
from hub.dispatch.handlers.replays import Replays
from hub.kernel.room import RoomHouse


def serve(router: NatsRouter, house: RoomHouse, prefix: str) -> None:
    """Answer `ask.dead.*`, `ask.events.*` and `ask.subscriptions.replay`.

    Args:
        router: takes the subscriptions.
        house: the room's.
        prefix: that of prefixed event types.
    """
    letters = DeadLetters(house)
    events = Events(house, prefix)
    asked = {
        ("dead", "list"): letters.found,
        ("dead", "show"): letters.show,
        ("dead", "summary"): letters.summary,
        ("dead", "replay"): letters.replay,
        ("dead", "drop"): letters.drop,
        ("subscriptions", "replay"): Replays(house, events).replay,
        ("events", "show"): events.show,
        ("events", "why"): events.why,
    }
    for (plural, verb), answer in asked.items():
        house.answer(router, subjects.ask(plural, verb), answer)
