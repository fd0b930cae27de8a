"""How far the front of the event store may be cleared: only what nobody still needs. Pure.

The store refuses new events when it is full (the third promise), so read events must make room before that. They are
kept as long as there is room, for replay.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Store:
    """The state of the stream."""

    first: int
    last: int
    messages: int
    size_bytes: int
    limit_bytes: int

    @property
    def share(self) -> float:
        """Return how full it is, from 0 to 1."""
        return self.size_bytes / self.limit_bytes if self.limit_bytes > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Reader:
    """How far one consumer is; all by sequence in the stream."""

    acknowledged: int
    """Everything up to here is acknowledged."""
    delivered: int
    """The last one that was delivered."""
    unacknowledged: int
    """How many were delivered and are not acknowledged."""
    pending: int
    """How many are still to be delivered."""

    def needs_from(self, last: int) -> int:
        """Return the first sequence that this consumer may still need.

        Args:
            last: the last sequence of the stream, read before this consumer's state.
        """
        if self.unacknowledged:
            return self.acknowledged + 1
        if self.pending:
            return max(self.acknowledged, self.delivered) + 1
        # Nothing of what it wants is left; its own counters stand still while others' events go by.
        return max(last, self.delivered) + 1


def keep_from(store: Store, readers: list[Reader], share: float) -> int | None:
    """Return the sequence from which to keep events, or None when nothing is to be cleared.

    Args:
        store: the stream, its state read before that of the readers.
        readers: every consumer of the stream.
        share: how full the store may be; no more is cleared than it takes to come down to it.
    """
    if store.share <= share or store.messages == 0:
        return None
    too_many = store.messages * (1 - share / store.share)
    enough = store.first + max(1, round(too_many))
    needed = min((reader.needs_from(store.last) for reader in readers), default=store.last + 1)
    keep = min(enough, needed, store.last + 1)
    return keep if keep > store.first else None
