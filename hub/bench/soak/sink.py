"""The soak's HTTP sink: `python -m hub.bench.soak.sink FOLDER`; it refuses some events before it takes them."""

import sys
from pathlib import Path

from hub.bench.journal import Journal
from hub.bench.sink import Event, Sink, serve
from hub.bench.soak.failing import Refusals

AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class FailingSink(Sink):
    """Refuses what is to fail."""

    def __init__(self, journal: Journal) -> None:
        """Prepare."""
        super().__init__(journal)
        self._refusals = Refusals()

    def answer_to(self, events: list[Event]) -> bytes:
        """Take an event, or ask for it once more."""
        if any(self._refusals.refuses(number) for number, _ in events):
            return AWAY
        return super().answer_to(events)


def main() -> int:
    """Serve with the folder of the command line; return the exit status."""
    from hub.bench.loops import run

    return run(serve(FailingSink(Journal(Path(sys.argv[1])))))


if __name__ == "__main__":
    sys.exit(main())
