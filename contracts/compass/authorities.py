"""Whose client certificates the edge takes besides the hub's own: of the authority with which Compass pairs.

The connection's status says it, because it is public and other workers follow it. Such a certificate may speak for
Applications that Compass manages and for no other: Compass answers for its own solutions only.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from contracts.application.managing import is_managed

_MEMBER = "clientAuthorities"


class Labelled(Protocol):
    """A resource, as far as it is looked at here."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Return its labels."""

    @property
    def status(self) -> Mapping[str, Any]:
        """Return its status."""


def described(key_identifiers: Iterable[str], certificates: str) -> dict[str, Any]:
    """Return what a status says of authorities.

    Args:
        key_identifiers: of each, hexadecimal; empty for one that has none.
        certificates: PEM of all of them.
    """
    return {_MEMBER: {"keyIdentifiers": list(key_identifiers), "certificates": certificates}}


def certificates_of(status: Mapping[str, Any]) -> str:
    """Return the authorities' certificates as PEM; empty when there are none."""
    return str((status.get(_MEMBER) or {}).get("certificates") or "")


class Guests:
    """Tells whether a certificate of another authority speaks for an Application that is not that authority's."""

    def __init__(self) -> None:
        """Know of nobody yet."""
        self._authorities: frozenset[str] = frozenset()
        self._managed: set[str] = set()

    def take_connection(self, _key: str, connection: Labelled | None) -> None:
        """Hear of a change of the connection with Compass."""
        said = (connection.status.get(_MEMBER) or {}) if connection is not None else {}
        self._authorities = frozenset(said.get("keyIdentifiers") or ())

    def take_application(self, key: str, application: Labelled | None) -> None:
        """Hear of a change of an Application."""
        name = application.name if application is not None else key.partition(".")[2].replace("/", ".")
        if application is not None and is_managed(application.labels):
            self._managed.add(name)
        else:
            self._managed.discard(name)

    def is_stranger(self, issuer: str, owner: str) -> bool:
        """Tell whether an authority, by its key identifier, has nothing to say for an Application."""
        return issuer in self._authorities and owner not in self._managed
