"""The host names that the server answers to: the defence against DNS rebinding.

The owner of a foreign domain can let its name resolve to 127.0.0.1 or to an address of a private
network.  A browser then takes this server for part of the page that it loaded from that name, and
the page may read every answer.  The browser still sends the name, in ``Host``; so a request for a
name that nobody chose for this server is refused.  An address, or ``localhost``, cannot be made to
mean anything else: browsers do not look these up.

Owns reading the host of a request, and the decision.  Pure.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from gameserver.config import ANY_HOST, Settings
from gameserver.runtime.http.messages import authority_of

if TYPE_CHECKING:
    import h11

#: The longest host name (253), a colon and five digits, and the brackets of an address.
MAX_HOST_BYTES: Final = 261
#: ``play.example:8000``, ``[::1]:8000``; an address in brackets keeps them.
_WITH_PORT: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::[0-9]*)?")


class Hosts:
    """The names of one server, from ``Settings.hosts``, and ``Settings.host`` if that is one."""

    def __init__(self, settings: Settings) -> None:
        self._listed = frozenset(settings.hosts)
        self._names = self._listed - {ANY_HOST} | {settings.host.lower()}

    def answers(self, request: h11.Request, *, from_this_machine: bool) -> bool:
        """Whether a request for this host is answered.

        While no names are listed, other machines may use any name: a client on the same network can
        reach the server without a browser anyway.
        """
        if self.knows(request) or ANY_HOST in self._listed:
            return True
        return not self._listed and not from_this_machine

    def knows(self, request: h11.Request) -> bool:
        """Whether the host of ``request`` is a name of this server, ``localhost`` or an address.

        Only then does the address of the client say anything about who is asking: behind another
        name there may be a page that anybody wrote.  A request without a host is none of a browser
        (HTTP/1.0, as health checks speak it).
        """
        host = host_of(request)
        return (
            not host
            or host in self._names
            or host == "localhost"
            or host.endswith(".localhost")
            or _is_address(host)
        )


def is_host(authority: bytes) -> bool:
    """Whether this can be the value of a ``Host`` header; a request with another gets 400.

    RFC 9112, 3.2.
    """
    if not authority.isascii() or not 0 < len(authority) <= MAX_HOST_BYTES:
        return False
    try:
        authority.decode("idna")  # as wsproto will
    except UnicodeError:
        return False
    return True


def host_of(request: h11.Request) -> str:
    """Return the host that ``request`` is for: lower case, no port, no last dot; "" if none."""
    text = authority_of(request).decode("latin-1").strip().lower()
    match = _WITH_PORT.fullmatch(text)
    host = match[1] if match else text
    return host.removesuffix(".") or host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host[1:-1] if host[0] + host[-1] == "[]" else host)
    except ValueError:
        return False
    return True
