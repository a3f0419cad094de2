"""Whose connection it is: addresses, as limits count them and as proxies tell them.

Owns reading addresses, the key under which those of one customer are counted, and whom
``X-Forwarded-For`` makes the client.  Pure: text and networks in, addresses out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from gameserver.config import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: One customer's own (RFC 6177): whoever has one address of it has all 2^64.
IPV6_KEY_BITS: Final = 64
#: What of a header's entries is looked at; honest chains are a few proxies long.
MAX_HOPS: Final = 32

#: ``192.0.2.1:80`` and ``[2001:db8::1]:80``; some proxies name the port too.
_WITH_PORT: Final = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<four>[^:\[\]]*))(?::[0-9]{1,5})?")


@attrs.frozen
class Sender:
    """Whom a request is from, by the word of proxies; ``address`` is None if they do not say.

    ``malformed``: what they say is no address.
    """

    address: Address | None
    malformed: bool = False


#: A client of whom nothing is known but that it is behind some proxy.
UNKNOWN_SENDER: Final = Sender(None)


def read_address(text: str) -> Address | None:
    """Return the address in ``text``, with or without port and zone; None if there is none.

    An IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2), as sockets for both report it, is
    the IPv4 address.
    """
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["six"] or match["four"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def counted_as(address: Address) -> str:
    """Return the key under which ``address`` is counted: itself, or its /64 in IPv6."""
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_KEY_BITS), strict=False))


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of ``networks`` contains ``address``."""
    return any(address in network for network in networks)


def forwarded_for(headers: Sequence[bytes], proxies: Sequence[Network]) -> Sender:
    """Return who a request is from that a listed proxy sent with these ``X-Forwarded-For``.

    Every proxy appends the address that called it, so only what listed ``proxies`` wrote is
    believed: the client is the right-most address that is no listed proxy.  What is further left
    the client may have made up.  The client is unknown where there is no such address: the header
    is missing, an entry is no address, or all of them are proxies.  It is unknown, too, at a
    loopback address, which is that of the proxy's machine: somebody else's, or a second proxy there
    that is not listed.
    """
    entries = b",".join(headers).split(b",") if headers else []
    for entry in reversed(entries[-MAX_HOPS:]):
        client = read_address(entry.decode("latin-1"))
        if client is None:
            return Sender(None, malformed=True)
        if not is_in(client, proxies):
            return UNKNOWN_SENDER if client.is_loopback else Sender(client)
    return UNKNOWN_SENDER
