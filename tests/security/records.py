"""What the processes of a hub have written about themselves."""

from collections.abc import Iterator

from tests.journeys.conftest import House


def records_of(house: House) -> Iterator[tuple[str, str]]:
    """Iterate over the lines of the workers' logs, each with the name of its process; nats-server writes its own."""
    for path in sorted((house.running.data_dir / "log").glob("*.log")):
        if path.stem not in ("nats-server", "hub"):
            yield from ((path.stem, line) for line in path.read_text("utf-8").split("\n") if line)


def failures_of(house: House) -> list[str]:
    """Return the lines that speak of a mistake in the hub itself."""
    return [f"{name}: {line}" for name, line in records_of(house) if '"bug.caught"' in line or "Traceback" in line]
