"""Which addresses the hub connects to on behalf of others: whoever registers or subscribes chooses the address, so it
is judged.

Every address a name resolves to is judged, and the connection goes to a judged address, so that a name cannot resolve
to one address for the judgement and to another for the connection.
"""

import ipaddress
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

CREDENTIALS_OF_CLOUDS = frozenset(
    ipaddress.ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Where clouds answer their machines with credentials or settings and which are not link-local: Alibaba, Azure,
Oracle, Amazon and Google, the last two over IPv6."""
_NOT_GLOBAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20")))
"""Networks for special purposes that not every supported Python takes for such: RFC 6890, 7526, 3879, 9637."""


@dataclass(frozen=True, slots=True)
class EgressRule:
    """What is allowed besides public addresses."""

    private: bool = False
    loopback: bool = False

    def allows(self, text: str) -> bool:
        """Tell whether a connection to an address is allowed; what is no address is not."""
        try:
            address = _plain(ipaddress.ip_address(text.split("%", maxsplit=1)[0]))
        except ValueError:
            return False
        if address.is_loopback:
            return self.loopback
        if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
            return False
        if address in CREDENTIALS_OF_CLOUDS:
            return False
        return self.private or (address.is_global and not any(address in network for network in _NOT_GLOBAL))


def _plain(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), which is where the connection would end."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and address in ipaddress.ip_network("64:ff9b::/96"):
        embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return embedded or address
