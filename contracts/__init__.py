"""What is said between rooms and to the outside: versioned, published, importable alone.

`CONTRACTS` is the whole list, by type. A reader of a type gets the newest version of it, whatever version was sent.
The list is made when somebody asks for it: who only needs the names on the bus does not wait for every model.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.versions import CONTRACTS, Contract, UnreadableContract, decode, encode, newest

__all__ = ["CONTRACTS", "Contract", "UnreadableContract", "decode", "encode", "newest"]


def __getattr__(name: str) -> Any:
    """Return what the list offers, from the module that makes it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from contracts import versions

    return getattr(versions, name)
