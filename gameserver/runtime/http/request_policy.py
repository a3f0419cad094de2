"""The rules for every request: which client sent it, and whether it is answered.

Owns whether forwarding headers are believed, whether an address sends requests too fast, which
hosts are answered, which origins may connect (RFC 6455, 10.2), where programs may not, which
clients read the metrics, and the warnings about all of this.  Takes request heads and returns
refusals; no sockets.  It counts with ``ConnectionLimits``.

Browsers name the page that connects in Origin.  The check keeps the pages of other sites from
using the cookies and the network of their visitors; a program can send any origin.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from gameserver.config import DEFAULT_PORTS, OWN_HOST, Settings, secrets_in
from gameserver.ops.logging import escaped
from gameserver.runtime.admission.addresses import UNKNOWN_SENDER, forwarded_for, is_in
from gameserver.runtime.admission.connection_limits import (
    RETRY_AFTER_S,
    ConnectionLimits,
    Peer,
    Reason,
)
from gameserver.runtime.http.hosts import Hosts, host_of, is_host
from gameserver.runtime.http.messages import (
    Response,
    authority_of,
    path_of,
    text_response,
    values_of,
)
from gameserver.runtime.http.rare_warning import RareWarning
from gameserver.runtime.http.upgrade import wants_upgrade

if TYPE_CHECKING:
    import h11

METRICS_PATH: Final = "/metrics"
#: The busiest rooms and the slow ticks; clients that may read the metrics may read it.
LOAD_PATH: Final = "/metrics/rooms"
FOREIGN_PAGE: Final = text_response(403, "Pages of this origin may not connect here.")
#: RFC 9112, 3.2.
MALFORMED_HOST: Final = text_response(400, "The header Host is not a host.")
#: RFC 9110, 7.4 and 15.5.20: this server was not configured for the origin of the target URI.
FOREIGN_HOST: Final = text_response(
    421,
    "This server does not answer to this host name. Its operator may add the name to the "
    "setting hosts (--hosts, or GAMESERVER_HOSTS in the environment).",
)
METRICS_BY_FOREIGN_HOST: Final = text_response(
    403, "The metrics are read by an address, by localhost, or by a name in the setting hosts."
)
#: A proxy adds one of these to what it forwards; programs that ask for themselves send none.
FORWARDING_HEADERS: Final = (
    b"x-forwarded-for",
    b"forwarded",
    b"via",
    b"x-real-ip",
    b"x-forwarded-host",
    b"x-forwarded-proto",
)


class RequestPolicy:
    """The rules of one server.  ``plain_paths``: WebSockets there cannot show a token."""

    def __init__(
        self,
        settings: Settings,
        connection_limits: ConnectionLimits,
        plain_paths: Collection[str] = (),
    ) -> None:
        self.connection_limits = connection_limits
        self._settings = settings
        self._plain_paths = frozenset(plain_paths)
        self._hosts = Hosts(settings)
        self._origins = frozenset(origin.encode() for origin in settings.origins)
        #: The TLS port that all nodes of the host share, and the one of this node alone.
        self._node_ports: tuple[bytes, bytes] | None = None
        self._foreign_host = RareWarning("a request was refused, for its host is not in hosts")
        self._foreign_page = RareWarning("a page was refused, for its origin is not in origins")
        self._unlisted_proxy = RareWarning(
            "a trusted address forwards requests but is not in proxies: "
            "all clients behind it share the limits of one address",
            quiet_s=math.inf,
        )
        self._mute_proxy = RareWarning(
            "a proxy sends no usable X-Forwarded-For: "
            "all clients behind it share the limits of one address",
            quiet_s=math.inf,
        )

    def accept_pages_of(self, shared_port: int, own_port: int) -> None:
        """Let pages of the TLS port that all nodes share connect to the one of this node alone."""
        self._node_ports = (b"%d" % shared_port, b"%d" % own_port)

    def question(self, peer: Peer, request: h11.Request, now_s: float) -> Response | None:
        """Return the refusal of ``request``, or None if it may go on."""
        return (
            self._identify(peer, request, now_s)
            or self._check_haste(peer, now_s)
            or self._check_host(peer, request, now_s)
            or self._check_upgrade(peer, request, now_s)
            or self._check_metrics(peer, request)
        )

    def _identify(self, peer: Peer, request: h11.Request, now_s: float) -> Response | None:
        if peer.connected_from is None:
            return None
        proxy = str(peer.connected_from)
        if self._came_by_proxy(peer):
            headers = values_of(request, b"x-forwarded-for")
            sender = forwarded_for(headers, self._settings.proxies)
            if sender.address is None and wants_upgrade(request):  # no health check of its own
                self._mute_proxy.log(proxy, now_s, proxy=proxy)
        elif is_in(peer.connected_from, self._settings.trusted) and _is_forwarded(request):
            sender = UNKNOWN_SENDER
            self._unlisted_proxy.log(proxy, now_s, proxy=proxy)
        else:
            return None
        reason = self.connection_limits.identify(peer, sender, now_s)
        return None if reason is None else busy_response()

    def _check_haste(self, peer: Peer, now_s: float) -> Response | None:
        return None if self.connection_limits.let_ask(peer, now_s) is None else busy_response()

    # ------------------------------------------------------------ hosts

    def _check_host(self, peer: Peer, request: h11.Request, now_s: float) -> Response | None:
        authority = authority_of(request)
        if authority and not is_host(authority):
            return MALFORMED_HOST
        from_this_machine = peer.connected_from is None or peer.connected_from.is_loopback
        if self._hosts.answers(request, from_this_machine=from_this_machine):
            return None
        host = escaped(host_of(request))
        self._foreign_host.log(host, now_s, host=host)
        self.connection_limits.refuse(Reason.HOST)
        return FOREIGN_HOST

    # ------------------------------------------------------------ WebSockets

    def _check_upgrade(self, peer: Peer, request: h11.Request, now_s: float) -> Response | None:
        if not wants_upgrade(request):
            return None
        origins = values_of(request, b"origin")
        peer.is_bot = not origins
        if peer.is_bot:
            return self._check_bot(request)
        host = authority_of(request)
        if len(origins) == 1 and self._may_connect(origins[0], host):
            return None
        origin = escaped(b", ".join(origins).decode("latin-1"))
        self._foreign_page.log(origin, now_s, origin=origin, host=escaped(host.decode("latin-1")))
        self.connection_limits.refuse(Reason.ORIGIN)
        return FOREIGN_PAGE

    def _may_connect(self, origin: bytes, host: bytes) -> bool:
        if origin in self._origins and origin != OWN_HOST.encode():
            return True
        scheme, separator, authority = origin.partition(b"://")
        if OWN_HOST.encode() not in self._origins or not (separator and authority):
            return False
        default_port = DEFAULT_PORTS.get(scheme.decode("latin-1"))
        if default_port is None or not host:
            return False
        port = default_port.encode()
        if authority.removesuffix(port) == host.lower().removesuffix(port):
            return True
        # A page that this host has served, and that was then sent to the port of this node alone.
        return (
            self._node_ports is not None
            and self._node_ports
            == (
                _port_of(authority, port),
                _port_of(host, port),
            )
            and _name_of(authority) == _name_of(host.lower())
        )

    def _check_bot(self, request: h11.Request) -> Response | None:
        if not (self._settings.bots_need_token and path_of(request) in self._plain_paths):
            return None
        self.connection_limits.refuse(Reason.BOT)
        return text_response(403, "Programs need a token, and there is no way to show one here.")

    # ------------------------------------------------------------ metrics

    def _check_metrics(self, peer: Peer, request: h11.Request) -> Response | None:
        if path_of(request) not in (METRICS_PATH, LOAD_PATH) or self._may_read_metrics(
            peer, request
        ):
            return None
        self.connection_limits.refuse(Reason.METRICS)
        if not self._hosts.knows(request):
            return METRICS_BY_FOREIGN_HOST
        return text_response(403, "The metrics are not for everyone.")

    def _may_read_metrics(self, peer: Peer, request: h11.Request) -> bool:
        for token in secrets_in(self._settings.metrics_token or ""):
            given = values_of(request, b"authorization")
            if given and hmac.compare_digest(given[0], b"Bearer " + token.encode()):
                return True
        if peer.address is None or not is_in(peer.address, self._settings.metrics_from):
            return False
        if not self._hosts.knows(request):
            return False  # a page behind a rebound name, in a browser at that address
        # A proxy that is not listed makes the whole world look like its own machine.
        return self._came_by_proxy(peer) or not _is_forwarded(request)

    def _came_by_proxy(self, peer: Peer) -> bool:
        return peer.connected_from is not None and is_in(
            peer.connected_from, self._settings.proxies
        )


def _name_of(authority: bytes) -> bytes:
    """Return the host of an authority, without its port."""
    name, colon, port = authority.rpartition(b":")
    return name if colon and port.isdigit() else authority


def _port_of(authority: bytes, default: bytes) -> bytes:
    """Return the port of an authority; ``default`` is written as in ``DEFAULT_PORTS``."""
    _, colon, port = authority.rpartition(b":")
    return port if colon and port.isdigit() else default.removeprefix(b":")


def _is_forwarded(request: h11.Request) -> bool:
    """Whether a proxy says that it sends this for somebody else."""
    return any(name in FORWARDING_HEADERS for name, _ in request.headers)


def busy_response() -> Response:
    """Return the answer to one over a cap."""
    return text_response(503, "The server is busy.", headers=(("Retry-After", str(RETRY_AFTER_S)),))
