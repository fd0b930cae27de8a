"""May this caller speak for this owner? One answer for every listener that takes client certificates.

An owner is a resource in whose name a caller acts; which subjects speak for it is read from its document by a function
that knows the kind. The answer is asked for with every request, so that a revoked certificate is refused on an open
connection too. It therefore costs a few dictionary hits: what an owner accepts is worked out when the owner changes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.subjects import split_key
from hub.kernel.clock import Clock
from hub.kernel.errors import NotAuthenticated, NotFound, NotPermitted
from hub.kernel.identity import Identity
from hub.kernel.resource import Resource
from hub.kernel.state import View

Subjects = tuple[frozenset[str], tuple[tuple[str, str], ...]]
"""Accepted common names, and further attributes the subject must have: `(("O", "tenant"), ("OU", "group"))`."""


class Admittance:
    """Admits callers that speak for an owner."""

    def __init__(
        self,
        owners: View[Resource],
        revocations: View[Any],
        accepted: Callable[[str, Mapping[str, Any]], Subjects],
        clock: Clock,
        is_stranger: Callable[[str, str], bool],
    ) -> None:
        """Follow the owners.

        Args:
            owners: resources in whose names callers act.
            revocations: what is kept of each revoked certificate, by its SHA-256 fingerprint in hexadecimal, and of
                each authority that has ended, by its key identifier.
            accepted: pure; name and spec of an owner → the subjects that speak for it.
            clock: tells when a certificate on a kept connection has ended.
            is_stranger: whether an authority, by its key identifier, has nothing to say for an owner, whatever
                subjects its certificates have.
        """
        self._revoked = revocations.get
        self._accepted = accepted
        self._clock = clock
        self._is_stranger = is_stranger
        self._subjects: dict[str, Subjects] = {}
        owners.on_change(self._changed)

    def admit(self, identity: Identity, owner: str) -> None:
        """Return when the caller may speak for the owner, looked up by its name.

        Raises:
            NotFound: there is no such owner.
            NotAuthenticated: the caller showed no certificate, or it has ended meanwhile.
            NotPermitted: the certificate is revoked or speaks for somebody else.
        """
        subjects = self._subjects.get(owner)
        if subjects is None:
            raise NotFound(f"'{owner}' is not registered; register it or correct the path.")
        self.check(identity)
        common_names, attributes = subjects
        if identity.common_name in common_names and not self._is_stranger(identity.issuer, owner):
            for attribute in attributes:
                if attribute not in identity.subject:
                    break
            else:
                return
        raise NotPermitted(
            f"The certificate of '{identity.common_name}' does not speak for '{owner}'; use the one issued for it."
        )

    def check(self, identity: Identity) -> None:
        """Return when the caller's certificate is in force, whoever it speaks for.

        Raises:
            NotAuthenticated: there is none, or it has ended meanwhile.
            NotPermitted: it is revoked, alone or with its authority.
        """
        if identity.not_after is None:
            raise NotAuthenticated("This path needs a client certificate; pair first, then present it.")
        revoked = self._revoked
        if revoked(identity.fingerprint) is not None or revoked(identity.issuer) is not None:
            raise NotPermitted("Certificate has been revoked.")
        if identity.not_after < self._clock.now():
            raise NotAuthenticated("The client certificate has expired; renew it or pair again.")

    def _changed(self, key: str, owner: Resource | None) -> None:
        name = split_key(key)[1]
        if owner is None:
            self._subjects.pop(name, None)
        else:
            self._subjects[name] = self._accepted(name, owner.spec)
