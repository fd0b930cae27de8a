"""Who may call an API: whoever reaches the gateway, unless its Application lists callers; and whose calls are none.

A shadow revision of a Function does what the Function does, for comparison; nothing of it may happen twice. It shows
the token of `scope/name@shadow`: what it may call is the Function's, and its calls are recorded instead of made.
"""

from contextlib import suppress

from hub.gateway.model import Names
from hub.gateway.rewriting import Headers, first
from hub.kernel.errors import NotAuthenticated, NotPermitted
from hub.kernel.keys import Keys
from hub.kernel.workload import HEADER, SHADOW, Workloads


class Callers:
    """Reads who calls."""

    def __init__(self, keys: Keys) -> None:
        """Take the keys that open tokens."""
        self._workloads = Workloads(keys)

    def need(self, allowed: frozenset[str] | None, headers: Headers, names: Names) -> str | None:
        """Return `scope/name` of the Function whose shadow calls: the call must be recorded. None: it must be made.

        Args:
            allowed: `scope/name` of Functions, `scope/*` of whole scopes; None lets everybody call.
            headers: the caller's.
            names: of the API, for the message.

        Raises:
            NotAuthenticated: the caller's token is nobody's.
            NotPermitted: it brings none, or is not listed.
        """
        token = first(headers, HEADER)
        if allowed is None:
            return self._shadow(token) if token is not None else None
        if token is None:
            raise NotPermitted(
                f"{names.application} lists who may call {names.service}; send the header {HEADER.decode()}"
            )
        workload = self._workloads.of(token)
        function = workload.removesuffix(SHADOW)
        if not is_listed(allowed, function):
            raise NotPermitted(f"{workload} is not among the callers that {names.application} lists")
        return function if function != workload else None

    def _shadow(self, token: bytes) -> str | None:
        with suppress(NotAuthenticated):  # everybody may call, with or without a token
            workload = self._workloads.of(token)
            return workload.removesuffix(SHADOW) if workload.endswith(SHADOW) else None
        return None


def is_listed(allowed: frozenset[str], workload: str) -> bool:
    """Say whether a workload is in a list, by its name or by its whole scope."""
    return workload in allowed or f"{workload.partition('/')[0]}/*" in allowed
