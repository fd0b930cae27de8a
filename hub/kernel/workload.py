"""How a workload on this side (a Function) shows who it is: a token sealed with the master key, in a header.

Nothing is stored and nothing can be guessed: whoever opens the token with the master key reads scope and name. It is
worth nothing outside this hub, and a workload that is started anew gets a new one.
"""

import base64
import binascii

from hub.kernel.errors import Misconfigured, NotAuthenticated
from hub.kernel.keys import Keys

HEADER = b"hub-workload-token"
DEPTH_HEADER = b"hub-depth"
"""Says, beside a token only, through how many Functions the event has come that the workload is at work on."""
VARIABLE = "HUB_WORKLOAD_TOKEN"
"""The variable in the environment of a workload that holds its token."""
SHADOW = "@shadow"
"""Ends the name in the token of a shadow revision: what it asks for is recorded, not done."""
_CONTEXT = "workload"
_KEPT = 10_000


def token_for(keys: Keys, scope: str, name: str) -> str:
    """Return a token of a workload."""
    return base64.urlsafe_b64encode(keys.seal(f"{scope}/{name}".encode(), _CONTEXT)).decode()


def workload_of(keys: Keys, token: bytes) -> str:
    """Return whose token this is: `scope/name`.

    Raises:
        NotAuthenticated: nobody's.
    """
    try:
        return keys.open(base64.urlsafe_b64decode(token), _CONTEXT).decode()
    except (Misconfigured, binascii.Error, ValueError) as error:
        raise NotAuthenticated("The workload token is not one of this hub; restart the workload.") from error


class Workloads:
    """Reads tokens; one that was read once is known from then on."""

    def __init__(self, keys: Keys) -> None:
        """Take the keys that open tokens."""
        self._keys = keys
        self._known: dict[bytes, str] = {}

    def of(self, token: bytes) -> str:
        """Return whose token this is: `scope/name`.

        Raises:
            NotAuthenticated: nobody's.
        """
        if token not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[token] = workload_of(self._keys, token)
        return self._known[token]
