"""Decisions about authorities over time: who issues, who serves, who is trusted, and when an old one may end."""

from datetime import timedelta

import pytest

from hub.connector.authority import create, opened
from hub.connector.generations import SETTLING, described, finished, holds, issuing, rotated, serving, trusted
from hub.connector.model import Authority, Generation, Generations
from hub.kernel.errors import AlreadyExists, InvalidInput, NotFound

from .conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def following() -> Authority:
    """The authority that comes after."""
    return create("ecdsa-p256", now=NOW, days=365)


@pytest.fixture
def alone(authority: Authority) -> Generations:
    """One authority, in use for ten days."""
    return (Generation(authority, NOW - 10 * DAY),)


@pytest.fixture
def both(alone: Generations, following: Authority) -> Generations:
    """An overlap that has just begun."""
    return rotated(alone, following, NOW)


def test_a_new_authority_is_trusted_before_it_issues(both: Generations, authority: Authority) -> None:
    """Every listener must know it before anyone holds a certificate of it."""
    assert issuing(both, NOW) == authority
    assert authority.certificate + both[1].authority.certificate == trusted(both, NOW)


def test_it_issues_as_soon_as_it_is_settled(both: Generations, following: Authority) -> None:
    """From then on every new and renewed certificate is one of the new authority, which is named first."""
    later = NOW + SETTLING
    assert issuing(both, later) == following
    assert trusted(both, later).startswith(following.certificate)


def test_the_old_authority_vouches_for_the_server_during_the_overlap(both: Generations, authority: Authority) -> None:
    """Who has not renewed trusts only the old one; who has renewed trusts both."""
    assert serving(both, NOW + 100 * DAY) == authority


def test_an_authority_that_has_ended_vouches_for_nothing(following: Authority) -> None:
    """Nobody could connect any more, also those who trust the new one."""
    short = create("ecdsa-p256", now=NOW, days=1)
    assert serving((Generation(short, NOW), Generation(following, NOW)), NOW + 2 * DAY) == following


def test_the_same_authority_does_not_follow_itself(alone: Generations, authority: Authority) -> None:
    """Whoever forgot to exchange the files is told so."""
    assert holds(alone, authority)
    with pytest.raises(AlreadyExists, match="put the new certificate and key into the files"):
        rotated(alone, authority, NOW)


@pytest.mark.parametrize("days", [92, 400], ids=["certificate", "authority"])
def test_an_authority_ends_when_nobody_can_be_using_it(both: Generations, days: float) -> None:
    """Until the last certificate, or the authority itself, has ended, only force ends it."""
    until = NOW + SETTLING + days * DAY if days == 92 else opened(both[0].authority)[0].not_valid_after_utc
    with pytest.raises(InvalidInput, match="may be in use until"):
        finished(both, until - timedelta(seconds=1), days, force=False)
    assert finished(both, until, days, force=False) == (both[1:], both[:1])
    assert finished(both, NOW, days, force=True) == (both[1:], both[:1])


def test_one_authority_alone_cannot_end(alone: Generations) -> None:
    """There must be one to issue with, whatever force is used."""
    with pytest.raises(NotFound, match="rotate"):
        finished(alone, NOW, 92, force=True)


def test_operators_are_shown_states_and_no_key(both: Generations) -> None:
    """Newest first: coming, then issuing; and what is left of the old one."""
    now, later = described(both, NOW, 92), described(both, NOW + SETTLING, 92)
    assert [row["state"] for row in now] == ["coming", "issuing"]
    assert [row["state"] for row in later] == ["issuing", "retiring"]
    assert later[1]["usedUntil"] == "2030-08-17T12:00:02Z"
    assert "PRIVATE" not in str(now) and later[0]["algorithm"] == "ecdsa-secp256r1"


def test_what_is_left_of_an_overlap_that_was_cut_short_issues(both: Generations) -> None:
    """An authority that is alone signs at once, also before it would have begun; operators are told so."""
    kept, _ = finished(both, NOW, 90, force=True)
    (row,) = described(kept, NOW, 90)
    assert (row["state"], issuing(kept, NOW)) == ("issuing", kept[0].authority)
