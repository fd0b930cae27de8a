"""Which addresses the hub connects to on behalf of others: whoever registers or subscribes chooses the address, so it
is judged.

Every address a name resolves to is judged, and the connection goes to a judged address, so that a name cannot resolve
to one address for the judgement and to another for the connection.
"""

import ipaddress
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_UNSPECIFIED = {"0.0.0.0", "::"}  # noqa: S104 - refused, not bound
_NEVER = _UNSPECIFIED | {"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"}
"""No address of a machine, and where clouds answer theirs with credentials or settings and which are not link-local:
Alibaba, Azure, Oracle, Amazon and Google, the last two over IPv6."""


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
        never = str(address) in _NEVER or address.is_link_local or address.is_multicast or address.is_reserved
        return not never and (self.private or (address.is_global and not getattr(address, "is_site_local", False)))


def _plain(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), which is where the connection would end."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and address in ipaddress.ip_network("64:ff9b::/96"):
        embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return embedded or address
