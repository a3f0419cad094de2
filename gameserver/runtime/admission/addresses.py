"""Addresses of clients: how limits count them, and how proxies report them.

Owns reading addresses, the key that counts all addresses of one customer together, and which
client ``X-Forwarded-For`` names.  Pure: text and networks in, addresses out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from gameserver.config import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: The prefix of one customer (RFC 6177), who has all 2^64 addresses in it.
IPV6_KEY_BITS: Final = 64
#: The most entries of the header that are read; honest chains are a few proxies long.
MAX_HOPS: Final = 32

#: ``192.0.2.1:80`` and ``[2001:db8::1]:80``; some proxies name the port too.
_WITH_PORT: Final = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<four>[^:\[\]]*))(?::[0-9]{1,5})?")


@attrs.frozen
class Sender:
    """The client that a proxy reports; ``address`` is None if it reports none.

    ``malformed``: the proxy reported something that is no address.
    """

    address: Address | None
    malformed: bool = False


#: A client behind a proxy that does not report its address.
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
    """Return the client of a request that a listed proxy sent with these ``X-Forwarded-For``.

    Every proxy appends the address that called it, so only entries that listed ``proxies`` wrote
    are believed.  The client is the right-most address that is no listed proxy; the client itself
    may have invented the entries further left.  The client is unknown where there is no such
    address: the header is missing, an entry is no address, or all entries are proxies.  A loopback
    address is unknown too: it means the proxy's own machine, so another client there, or a second
    proxy that is not listed.
    """
    entries = b",".join(headers).split(b",") if headers else []
    for entry in reversed(entries[-MAX_HOPS:]):
        client = read_address(entry.decode("latin-1"))
        if client is None:
            return Sender(None, malformed=True)
        if not is_in(client, proxies):
            return UNKNOWN_SENDER if client.is_loopback else Sender(client)
    return UNKNOWN_SENDER
