"""Versions of one contract: readers see the newest, whatever was sent."""

from collections.abc import Iterator
from typing import ClassVar, Self

import pytest

from contracts import CONTRACTS, UnreadableContract, decode, newest
from contracts.application.v1 import ApplicationRemoved
from contracts.envelope import Contract, read


class RemovedV2(Contract):
    """A second version that renames a field."""

    contract_type: ClassVar[str] = "hub.application.v2.removed"
    contract_version: ClassVar[int] = 2
    older: ClassVar[type[Contract] | None] = ApplicationRemoved

    name: str

    @classmethod
    def upcast(cls, earlier: Contract) -> Self:
        """Take the name from the field's earlier name."""
        assert isinstance(earlier, ApplicationRemoved)
        return cls(name=earlier.application)


class RemovedV3(Contract):
    """A third version that adds a required field."""

    contract_type: ClassVar[str] = "hub.application.v3.removed"
    contract_version: ClassVar[int] = 3
    older: ClassVar[type[Contract] | None] = RemovedV2

    name: str
    why: str

    @classmethod
    def upcast(cls, earlier: Contract) -> Self:
        """Say what the earlier version could not say."""
        assert isinstance(earlier, RemovedV2)
        return cls(name=earlier.name, why="unknown")


@pytest.fixture
def versions() -> Iterator[None]:
    later = {model.contract_type: model for model in (RemovedV2, RemovedV3)}
    CONTRACTS.update(later)
    yield
    for contract_type in later:
        del CONTRACTS[contract_type]


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    ("contract_type", "data", "why"),
    [
        ("hub.application.v1.removed", b'{"application": "shop"}', "unknown"),
        ("hub.application.v2.removed", b'{"name": "shop"}', "unknown"),
        ("hub.application.v3.removed", b'{"name": "shop", "why": "closed"}', "closed"),
    ],
)
def test_every_version_is_read_as_the_newest(contract_type: str, data: bytes, why: str) -> None:
    """A reader handles one version, old messages included."""
    assert RemovedV3(name="shop", why=why) == decode(contract_type, data)


@pytest.mark.usefixtures("versions")
def test_a_reader_may_stay_at_an_older_version_than_the_newest() -> None:
    """Consumers need not change on the day a version appears."""
    assert RemovedV2(name="shop") == read(RemovedV2, "hub.application.v1.removed", b'{"application": "shop"}')
    with pytest.raises(UnreadableContract, match=r"got hub\.application\.v3\.removed"):
        read(RemovedV2, "hub.application.v3.removed", b'{"name": "shop", "why": "closed"}')


def test_every_chain_of_versions_ends_in_itself() -> None:
    """The newest version of each contract is one of its own noun and participle."""
    for contract_type, model in CONTRACTS.items():
        _, noun, _, participle = contract_type.split(".")
        _, newest_noun, _, newest_participle = newest(model).contract_type.split(".")
        assert (noun, participle) == (newest_noun, newest_participle)


def test_an_unknown_type_is_refused_by_name() -> None:
    """A reader learns which type nobody knows."""
    with pytest.raises(UnreadableContract, match=r"hub\.application\.v9\.sold"):
        decode("hub.application.v9.sold", b"{}")


def test_a_first_version_cannot_be_upcast_to() -> None:
    """Only a version that has an older one says how to come from it."""
    removed = ApplicationRemoved(application="shop")
    with pytest.raises(UnreadableContract, match="no earlier version"):
        ApplicationRemoved.upcast(removed)
