"""PURE. Pairing tokens: made from randomness, known afterwards only by their hash.

A token is good for one use and a few minutes. Only its SHA-256 is stored: whoever reads the store cannot pair with what
is found there, and a look-up by hash takes the same time for every wrong token.
"""

import base64
import hashlib
import secrets
from datetime import datetime

from hub.connector.model import Pairing
from hub.kernel.errors import NotPermitted

LENGTH_BYTES = 64
"""Random bytes in a token; 88 characters as text. Source: tokenLength of kyma's connector-service chart, 1.24."""


def new_token(length_bytes: int = LENGTH_BYTES) -> str:
    """Return a new token: random bytes as URL-safe base64 with padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(length_bytes)).decode()


def digest(token: str) -> str:
    """Return what is stored of a token: the SHA-256 of its text, in hexadecimal."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def invalid() -> NotPermitted:
    """Return the one answer to an unknown, expired, used or truncated token."""
    return NotPermitted("Invalid token.")


def check(pairing: Pairing | None, now: datetime, *, runtime: bool = False) -> Pairing:
    """Return what a token stands for, while it can be used and where it is meant for.

    Raises:
        NotPermitted: there is no such token, its time is over, or it is for the other kind of client; which of these
            is not said.
    """
    if pairing is None or pairing.expires <= now or pairing.client.runtime != runtime:
        raise invalid()
    return pairing
