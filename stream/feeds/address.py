"""Which addresses a feed may be fetched from: public ones. A link in a feed must not reach what only this machine can
(server-side request forgery, OWASP's SSRF prevention cheat sheet)."""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291, deprecated: an IPv4 address in its last four bytes
# What the ipaddress of an older Python takes for global; some clouds' metadata are there. And inside Azure a public
# address answers with the machine's secrets.
_SPECIAL = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16/32"))


def is_public(address: str) -> bool:
    """Whether an address, as a socket is given it, belongs to the public internet.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo, NAT64) is as public as that. What is no address
    is not public.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:169.254.169.254")
    (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    carried = _carried(parsed)
    # A network without IPv4 reaches all of it through NAT64; there only what is carried says where it leads.
    return all(map(_is_public, carried if parsed in _NAT64 else [parsed, *carried]))


def is_address(host: str) -> bool:
    """Whether a host is written as an address, in any way that the system resolves without asking anybody.

    >>> is_address("127.1"), is_address("0x7f000001"), is_address("::1"), is_address("example.com")
    (True, True, True, False)
    """
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return True


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address in network for network in _SPECIAL)
    )


def _carried(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    if isinstance(address, IPv4Address):
        return []
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or address in _COMPATIBLE:
        carried.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in carried if each is not None]
