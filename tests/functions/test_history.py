"""What is remembered of revisions, and what going back to one means."""

from typing import Any

import pytest

from hub.functions.history import History, Known, News, spec_again, target_of
from hub.kernel.errors import NotFound

GIT = {"url": "https://example.com/repo.git", "baseDir": "/", "reference": "main"}


def known(number: int, *, ready: bool | None = True, commit: str = "") -> Known:
    """Return a revision."""
    return Known(number, f"d{number}", "2030-01-02T03:04:05Z", ready, commit=commit)


def test_going_back_to_a_git_source_pins_its_commit() -> None:
    """A branch has moved on meanwhile; the very code that ran is deployed again, to all calls."""
    spec: dict[str, Any] = {"runtime": "python312", "source": {"gitRepository": GIT}, "shadow": {"revision": 1}}
    again = spec_again(spec, known(3, commit="a" * 40))
    assert again == {"runtime": "python312", "source": {"gitRepository": GIT | {"reference": "a" * 40}}}
    assert spec["source"]["gitRepository"]["reference"] == "main"
    inline = {"source": {"inline": {"source": "x"}}}
    assert spec_again(inline, known(3)) == inline


@pytest.mark.parametrize(
    ("states", "to", "expected"),
    [([True, True, False], None, 2), ([True, False, False, True], None, 1), ([True, True], 1, 1)],
    ids=["before_the_newest", "past_broken_ones", "asked_for"],
)
def test_what_is_gone_back_to(states: list[bool], to: int | None, expected: int) -> None:
    """The newest before the present one that has answered, or the one that is asked for, even a broken one."""
    history = History("u", tuple(known(number, ready=ready) for number, ready in enumerate(states, 1)))
    assert target_of(history, to).number == expected


@pytest.mark.parametrize(("states", "to"), [([True], None), ([False, None, True], None), ([True], 7), ([], None)])
def test_where_there_is_nothing_to_go_back_to(states: list[bool | None], to: int | None) -> None:
    """The refusal says what there is, or what to do."""
    history = History("u", tuple(known(number, ready=ready) for number, ready in enumerate(states, 1)))
    with pytest.raises(NotFound, match=r"kept"):
        target_of(history, to)


def test_what_is_told_of_a_revision_is_one_line() -> None:
    """The reason of a failure may be long; the commit is kept when the next news has none."""
    history = History("u", (known(1, ready=None, commit="c"),))
    told = history.with_news(News(1, ready=False, reason="a\n" * 1000)).find(1)
    assert told is not None and "\n" not in told.reason and len(told.reason) <= 500 and told.commit == "c"
    assert history.with_news(News(9, ready=True)) == history
