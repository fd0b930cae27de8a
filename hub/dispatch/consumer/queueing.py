"""What is in hand of one Subscription, and what of it may be attempted next, in which order and in which parcels."""

import asyncio
from collections import deque
from collections.abc import Callable

from hub.dispatch.consumer.holding import Held, Lanes, in_order
from hub.dispatch.policy import Batch


class Queue:
    """Events in hand. Parcels of one or several wait for an attempt; others wait for the one of their key before."""

    def __init__(self, on_ready: Callable[[], None]) -> None:
        """Begin with nothing; `on_ready` is told when a parcel that was being collected is complete."""
        self.in_hand: dict[int, Held] = {}
        """Position in the stream → event: waiting, being attempted, or in its pause."""
        self.ready: deque[list[Held]] = deque()
        self._on_ready = on_ready
        self._lanes = Lanes()
        self._batch: list[Held] = []
        self._batch_timer: asyncio.TimerHandle | None = None

    def take(self, held: Held, batch: Batch | None) -> bool:
        """Take an event in; returns whether a parcel is ready by it.

        Args:
            held: the event, with its key.
            batch: how it is collected with others; None when it goes alone.
        """
        self.in_hand[held.delivery.sequence] = held
        if not self._lanes.enter(held):
            return False
        if batch is None:
            self.ready.append([held])
            return True
        self._batch.append(held)
        if len(self._batch) >= batch.max_events:
            return self._end_batch()
        if self._batch_timer is None:
            loop = asyncio.get_running_loop()
            self._batch_timer = loop.call_later(batch.max_wait_seconds, self._batch_is_due)
        return False

    def _end_batch(self) -> bool:
        if self._batch_timer is not None:
            self._batch_timer.cancel()
            self._batch_timer = None
        batch, self._batch = self._batch, []
        if batch:
            self.ready.append(batch)
        return bool(batch)

    def _batch_is_due(self) -> None:
        if self._end_batch():
            self._on_ready()

    def put_back(self, held: Held) -> None:
        """Let an event that was not attempted go first."""
        self.ready.appendleft([held])

    def put_again(self, held: Held) -> None:
        """Let an event be attempted once more."""
        self.ready.append([held])

    def leave(self, held: Held) -> None:
        """Let go of an event that is settled; the next one of its key may be attempted."""
        self.in_hand.pop(held.delivery.sequence, None)
        following = self._lanes.leave(held)
        if following is not None:
            self.ready.append([following])

    def arrange(self) -> None:
        """Put what waits into the order of its positions: older events may have come in after newer ones."""
        self.ready.clear()
        self._batch.clear()
        self._lanes = Lanes()
        for held in self.in_hand.values():
            if held.task is not None:
                self._lanes.enter(held)
        for held in in_order(held for held in self.in_hand.values() if held.task is None):
            if self._lanes.enter(held):
                if held.timer is None:
                    self.ready.append([held])
            elif held.timer is not None:  # it came in its turn then, and is to come in its turn again
                held.timer.cancel()
                held.timer = None

    def drop_waiting(self) -> list[Held]:
        """Let go of what is neither being attempted nor in its pause; returns it, oldest first."""
        self.ready.clear()
        self._batch.clear()
        dropped = in_order(held for held in self.in_hand.values() if held.task is None and held.timer is None)
        for held in dropped:
            del self.in_hand[held.delivery.sequence]
        self._lanes = Lanes()
        for held in self.in_hand.values():
            self._lanes.enter(held)
        return dropped

    def drop_all(self) -> list[Held]:
        """Let go of everything; returns it, oldest first."""
        dropped = in_order(self.in_hand.values())
        for held in dropped:
            if held.timer is not None:
                held.timer.cancel()
        self.in_hand.clear()
        self.ready.clear()
        self._batch.clear()
        self._lanes = Lanes()
        return dropped
