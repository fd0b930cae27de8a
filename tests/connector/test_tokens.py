"""Pairing tokens: their form, and that only their hash is known."""

import base64
import string
from datetime import timedelta

import pytest

from hub.connector.model import RUNTIME, Client, Pairing
from hub.connector.tokens import check, digest, new_token
from hub.kernel.errors import NotPermitted

from .conftest import NOW


def test_a_token_is_64_random_bytes_as_padded_url_safe_base64() -> None:
    """88 characters that may stand in a URL, as upstream's tokens."""
    token = new_token()
    assert (len(token), len(base64.urlsafe_b64decode(token)), token[-2:]) == (88, 64, "==")
    assert set(token) <= set(string.ascii_letters + string.digits + "-_=")


def test_ten_bytes_give_a_token_of_ten_bytes() -> None:
    """The length counts random bytes, not characters."""
    assert len(base64.urlsafe_b64decode(new_token(10))) == 10


def test_no_two_tokens_are_alike() -> None:
    """A thousand tokens are a thousand different ones."""
    assert len({new_token() for _ in range(1000)}) == 1000


def test_what_is_stored_of_a_token_does_not_hold_it() -> None:
    """The key in the store is a hash; it serves any text, even one that is no UTF-8."""
    token = new_token()
    assert token not in digest(token)
    assert len(digest("\udc80")) == 64


@pytest.mark.parametrize(
    "pairing",
    [
        None,
        Pairing(Client("shop"), NOW),
        Pairing(Client("shop"), NOW - timedelta(seconds=1)),
        Pairing(Client(RUNTIME, "tenant", "group"), NOW + timedelta(seconds=1)),
    ],
    ids=["unknown", "ending-now", "expired", "of-a-runtime"],
)
def test_unknown_expired_and_foreign_tokens_get_the_same_answer(pairing: Pairing | None) -> None:
    """The answer does not tell a guesser whether a token ever was good."""
    with pytest.raises(NotPermitted) as caught:
        check(pairing, NOW)
    assert caught.value.detail == "Invalid token."


def test_a_token_is_good_until_its_time_is_over() -> None:
    """One microsecond before the end it still pairs."""
    pairing = Pairing(Client("shop"), NOW + timedelta(microseconds=1))
    assert pairing == check(pairing, NOW)
