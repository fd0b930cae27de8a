"""When the client certificate is renewed, and whether to pair instead.

Source: kyma-project/kyma:components/compass-runtime-agent/internal/certificates@2.20.0
"""

import hashlib
from datetime import datetime, timedelta

from hub.compass.model import Credentials


def is_due(
    not_before: datetime,
    not_after: datetime,
    now: datetime,
    *,
    share: float,
    minimal_seconds: float,
    asked: bool = False,
) -> bool:
    """Tell whether a certificate must be renewed.

    Args:
        not_before: begin of its validity.
        not_after: end of its validity.
        now: the present.
        share: of the validity that is left when it is renewed.
        minimal_seconds: shortest pause between two attempts; twice that must be left.
        asked: whether a person asks for it.
    """
    left = not_after - now
    return asked or left < (not_after - not_before) * share or left < timedelta(seconds=2 * minimal_seconds)


def token_digest(token: str) -> str:
    """Return what tells pairing tokens apart and gives none away."""
    return hashlib.sha256(b"pairing token\n" + token.encode()).hexdigest()


def must_pair(credentials: Credentials | None, *, token: str, is_known: bool) -> bool:
    """Tell whether to pair with the token of the pairing Secret.

    Args:
        credentials: those that are stored.
        token: of the pairing Secret; empty when there is none.
        is_known: whether the connection's resource exists; who deletes it asks for a new pairing.
    """
    if credentials is None:
        return True
    return bool(token) and (not is_known or credentials.token_digest != token_digest(token))
