"""Many time limits, one timer: each is looked at in its time, in whatever order they were set."""

import asyncio

from hub.functions.runtime.deadlines import Deadlines
from tests.functions.conftest import until


class Limits:
    """Things with a limit each, that end when they are late."""

    def __init__(self, **seconds: float) -> None:
        """Set the limits from now on, in the order given."""
        now = asyncio.get_running_loop().time()
        self.open = {name: now + after for name, after in seconds.items()}
        self.ended: list[str] = []
        self.deadlines = Deadlines(self.end_late)
        for limit in self.open.values():
            self.deadlines.note(limit)

    def end_late(self, now: float) -> list[float]:
        """End what is late; return the limits of the rest."""
        for name in [name for name, limit in self.open.items() if limit <= now]:
            del self.open[name]
            self.ended.append(name)
        return list(self.open.values())


async def test_a_limit_set_later_may_come_first() -> None:
    """Whoever is late first is ended first, and the others after it."""
    limits = Limits(third=0.3, first=0.05, second=0.15)
    await until(lambda: len(limits.ended) == 3)
    assert limits.ended == ["first", "second", "third"]


async def test_a_limit_that_is_over_before_its_time_keeps_none_from_being_looked_at() -> None:
    """The call of the earliest limit has been answered; those behind it end in their own time."""
    limits = Limits(answered=0.05, late=0.1)
    del limits.open["answered"]
    await until(lambda: limits.ended == ["late"])


async def test_nothing_is_looked_at_after_the_end() -> None:
    """What was closed stays silent; a new limit is looked at again."""
    limits = Limits(before=0.02)
    limits.deadlines.close()
    limits.open = {"after": limits.open["before"] + 0.1}
    limits.deadlines.note(limits.open["after"])
    await until(lambda: limits.ended == ["after"])
