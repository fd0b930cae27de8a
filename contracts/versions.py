"""The whole list of contract events, by type, and how any of them is read: in its newest version.

Whatever version was sent, a reader gets the newest one.
"""

from contracts.application.v1 import ApplicationChanged, ApplicationRegistered, ApplicationRemoved
from contracts.audit.v1 import AuditRecorded
from contracts.catalog.v1 import EventTypePublished, EventTypesObserved, EventTypeWithdrawn, SpecStored
from contracts.certificate.v1 import CertificateIssued, CertificateRenewed, CertificateRevoked
from contracts.delivery.v1 import (
    DeadLetterDropped,
    DeliveryFailed,
    DeliveryReplayed,
    DeliverySucceeded,
    EventDeadLettered,
)
from contracts.envelope import Contract, UnreadableContract, encode, read
from contracts.event.v1 import EventAccepted, EventRejected
from contracts.function.v1 import (
    FunctionDeployed,
    FunctionFailed,
    FunctionFinished,
    FunctionRemoved,
    FunctionTriggered,
)
from contracts.subscription.v1 import (
    SubscriptionChanged,
    SubscriptionCreated,
    SubscriptionPaused,
    SubscriptionRemoved,
    SubscriptionResumed,
)

_ALL: tuple[type[Contract], ...] = (
    ApplicationRegistered,
    ApplicationChanged,
    ApplicationRemoved,
    EventTypePublished,
    EventTypeWithdrawn,
    SpecStored,
    EventTypesObserved,
    CertificateIssued,
    CertificateRenewed,
    CertificateRevoked,
    AuditRecorded,
    EventAccepted,
    EventRejected,
    SubscriptionCreated,
    SubscriptionChanged,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionRemoved,
    DeliverySucceeded,
    DeliveryFailed,
    EventDeadLettered,
    DeliveryReplayed,
    DeadLetterDropped,
    FunctionDeployed,
    FunctionTriggered,
    FunctionFinished,
    FunctionFailed,
    FunctionRemoved,
)

CONTRACTS: dict[str, type[Contract]] = {model.contract_type: model for model in _ALL}
"""Every contract event by its type."""

__all__ = ["CONTRACTS", "Contract", "UnreadableContract", "decode", "encode", "newest"]


def newest(model: type[Contract]) -> type[Contract]:
    """Return the newest version of a contract."""
    later = next((other for other in CONTRACTS.values() if other.older is model), None)
    return model if later is None else newest(later)


def decode(contract_type: str, data: bytes) -> Contract:
    """Return data of a contract type in the newest version of that contract.

    Raises:
        UnreadableContract: there is no such type, or the data does not fit it.
    """
    model = CONTRACTS.get(contract_type)
    if model is None:
        raise UnreadableContract(f"there is no contract of type {contract_type!r}; `hub contracts check` lists them.")
    return read(newest(model), contract_type, data)
