"""Which client certificates speak for which owner."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from contracts.application.acceptance import accepted_subjects
from hub.kernel.admittance import Admittance
from hub.kernel.errors import NotAuthenticated, NotFound, NotPermitted
from hub.kernel.identity import ANONYMOUS, Identity
from hub.kernel.resource import Resource
from hub.kernel.state import View

NOW = datetime(2030, 1, 1, tzinfo=UTC)
COMPASS = {"compassMetadata": {"applicationId": "id", "authentication": {"clientIds": ["one", "two"]}}}
CENTRAL = {"tenant": "tenant", "group": "group"}


@dataclass
class Known:
    """A view that is told by hand what is in its bucket."""

    values: dict[str, Any] = field(default_factory=dict)
    listener: Callable[[str, Any], None] = print

    def get(self, key: str) -> Any:
        """Return a value."""
        return self.values.get(key)

    def on_change(self, listener: Callable[[str, Any], None]) -> None:
        """Remember who listens."""
        self.listener = listener


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        """Return the moment."""
        return NOW

    def monotonic(self) -> float:
        """Return nothing passed."""
        return 0.0

    def new_id(self) -> str:
        """Return an id."""
        return "id"


def caller(common_name: str, organization: str = "Organization", unit: str = "OrgUnit") -> Identity:
    """Return an identity as a certificate of this subject gives it."""
    subject = (("O", organization), ("OU", unit), ("CN", common_name))
    return Identity("certificate", common_name, subject, "f" * 64, 7, NOW + timedelta(days=1))


def admittance(spec: dict[str, Any], *revoked: str) -> tuple[Admittance, Known]:
    """Return an admittance that knows one owner, `shop`."""
    owners, revocations = Known(), Known({fingerprint: {} for fingerprint in revoked})
    views = cast(View[Resource], owners), cast(View[Any], revocations)
    admittance = Admittance(*views, accepted_subjects, Still(), lambda issuer, owner: (issuer, owner) == ("aa", "shop"))
    owners.listener("cluster.shop", Resource("v", "Application", "shop", "cluster", spec))
    return admittance, owners


@pytest.mark.parametrize(
    ("spec", "identity"),
    [
        ({}, caller("shop")),
        ({}, caller("shop", "any", "other")),
        (COMPASS, caller("one")),
        (COMPASS, caller("two", "any", "other")),
        (CENTRAL, caller("shop", "tenant", "group")),
        (COMPASS | CENTRAL, caller("one", "tenant", "group")),
        ({"tenant": "tenant"}, caller("shop")),
        ({"compassMetadata": {"authentication": {"clientIds": []}}}, caller("shop")),
    ],
)
def test_the_right_subject_is_admitted(spec: dict[str, Any], identity: Identity) -> None:
    """The owner's name, or one of its client ids; tenant and group where both are set."""
    admittance(spec)[0].admit(identity, "shop")


@pytest.mark.parametrize(
    ("spec", "identity"),
    [
        ({}, caller("other")),
        (COMPASS, caller("shop")),
        (COMPASS, caller("three")),
        (CENTRAL, caller("shop", "tenant", "other")),
        (CENTRAL, caller("shop", "other", "group")),
        (CENTRAL, caller("other", "tenant", "group")),
        (COMPASS | CENTRAL, caller("one")),
    ],
)
def test_another_subject_is_not_permitted(spec: dict[str, Any], identity: Identity) -> None:
    """With client ids even the owner's own name is refused."""
    with pytest.raises(NotPermitted, match="does not speak for 'shop'"):
        admittance(spec)[0].admit(identity, "shop")


def test_an_authority_that_is_a_stranger_to_the_owner_is_refused() -> None:
    """Whatever the subject says: another house answers for its own Applications only."""
    door, _ = admittance({})
    with pytest.raises(NotPermitted, match="does not speak for 'shop'"):
        door.admit(replace(caller("shop"), issuer="aa"), "shop")
    door.admit(replace(caller("shop"), issuer="bb"), "shop")


def test_an_unknown_owner_comes_before_a_missing_certificate() -> None:
    """404 for a path nobody registered, whoever asks; 401 for a known one without certificate."""
    door, _ = admittance({})
    with pytest.raises(NotFound, match="'nobody' is not registered"):
        door.admit(ANONYMOUS, "nobody")
    with pytest.raises(NotAuthenticated, match="client certificate"):
        door.admit(ANONYMOUS, "shop")


def test_a_revoked_certificate_is_not_permitted() -> None:
    """Revocation counts with the very next question."""
    with pytest.raises(NotPermitted, match="revoked"):
        admittance({}, "f" * 64)[0].admit(caller("shop"), "shop")


def test_a_certificate_that_ended_on_an_open_connection_is_not_authenticated() -> None:
    """The handshake checked it long ago; each request checks again."""
    ended = replace(caller("shop"), not_after=NOW - timedelta(seconds=1))
    with pytest.raises(NotAuthenticated, match="expired"):
        admittance({})[0].admit(ended, "shop")


def test_an_owner_that_changed_or_was_removed_is_judged_anew() -> None:
    """What was worked out for it does not outlive it."""
    door, owners = admittance({})
    door.admit(caller("shop"), "shop")
    owners.listener("cluster.shop", Resource("v", "Application", "shop", "cluster", COMPASS))
    with pytest.raises(NotPermitted):
        door.admit(caller("shop"), "shop")
    owners.listener("cluster.shop", None)
    with pytest.raises(NotFound):
        door.admit(caller("one"), "shop")
