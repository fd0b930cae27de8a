"""Who may call an API: whoever reaches the gateway, unless its Application lists callers."""

from hub.gateway.model import Names
from hub.gateway.rewriting import Headers
from hub.kernel.errors import NotPermitted
from hub.kernel.keys import Keys
from hub.kernel.workload import HEADER, Workloads


class Callers:
    """Reads who calls."""

    def __init__(self, keys: Keys) -> None:
        """Take the keys that open tokens."""
        self._workloads = Workloads(keys)

    def need(self, allowed: frozenset[str] | None, headers: Headers, names: Names) -> None:
        """Return when the caller may call.

        Args:
            allowed: `scope/name` of Functions, `scope/*` of whole scopes; None lets everybody call.
            headers: the caller's.
            names: of the API, for the message.

        Raises:
            NotAuthenticated: the caller's token is nobody's.
            NotPermitted: it brings none, or is not listed.
        """
        if allowed is None:
            return
        token = next((value for name, value in headers if name == HEADER), None)
        if token is None:
            raise NotPermitted(
                f"{names.application} lists who may call {names.service}; send the header {HEADER.decode()}"
            )
        workload = self._workloads.of(token)
        if not is_listed(allowed, workload):
            raise NotPermitted(f"{workload} is not among the callers that {names.application} lists")


def is_listed(allowed: frozenset[str], workload: str) -> bool:
    """Say whether a workload is in a list, by its name or by its whole scope."""
    return workload in allowed or f"{workload.partition('/')[0]}/*" in allowed
