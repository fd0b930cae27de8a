"""What events are judged by, in one value. Pure."""

from typing import NamedTuple

from hub.ingress.addresses import Addresses
from hub.ingress.expectations import Expectations


class Rules(NamedTuple):
    """What the catalog expects of types, and where events of a source and type go."""

    known: Expectations
    addresses: Addresses
