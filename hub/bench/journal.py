"""What arrived, as the receiving side wrote it down: a file of fixed records, and a gate that holds the receiver back.

The HTTP sink and the Function write the same records, so deliveries and invocations are counted and timed alike. A
file loses nothing, and its size says at any moment how many have arrived. Times are of the monotonic clock, which all
processes of a machine share. The gate is a file too: while it is not there, the receiver answers nobody.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RECORD = "<QQQ"
"""Number of the event, when its post was due, when it arrived; both in nanoseconds."""
RECORD_BYTES = struct.calcsize(RECORD)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events by the first time that they arrived, and how many arrivals repeat one."""

    first: dict[int, tuple[int, int]]
    """By number of the event: when its post was due, when it arrived."""
    repeated: int

    @property
    def last(self) -> int:
        """Return when the last event arrived for the first time; 0 when none did."""
        return max((arrived for _, arrived in self.first.values()), default=0)

    def latencies(self, since: int) -> list[int]:
        """Return the time from post due to arrival, of events due at a moment or later."""
        return [arrived - due for due, arrived in self.first.values() if due >= since]


@dataclass(frozen=True, slots=True)
class Journal:
    """The two files that a receiver and the benchmark share."""

    folder: Path

    @property
    def records(self) -> Path:
        """Return the file of arrivals."""
        return self.folder / "arrivals"

    @property
    def gate(self) -> Path:
        """Return the file that, when it is there, lets the receiver answer."""
        return self.folder / "gate"

    def prepare(self) -> None:
        """Make both as at the beginning: nothing arrived, the gate shut."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.records.write_bytes(b"")
        self.gate.unlink(missing_ok=True)

    def open_gate(self) -> None:
        """Let the receiver answer."""
        self.gate.touch()

    def count(self) -> int:
        """Return how many arrivals are written down, repeated ones too."""
        return self.records.stat().st_size // RECORD_BYTES

    def arrivals(self) -> Arrivals:
        """Return what is written down."""
        first: dict[int, tuple[int, int]] = {}
        count = 0
        for count, (number, due, arrived) in enumerate(self._read(), start=1):  # noqa: B007 - the count is what is used
            first.setdefault(number, (due, arrived))
        return Arrivals(first, count - len(first))

    def _read(self) -> Iterator[tuple[int, int, int]]:
        written = self.records.read_bytes()
        yield from struct.iter_unpack(RECORD, written[: len(written) // RECORD_BYTES * RECORD_BYTES])
