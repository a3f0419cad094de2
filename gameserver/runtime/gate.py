"""What is asked of every request before anyone looks at what it wants: who sent it, and may they.

Owns the word of proxies, whether an address asks too fast, whose pages may connect (RFC 6455,
10.2), where programs may not, and who reads the metrics.  Pure: request heads in, refusals out; it
counts with ``Admission``.

An Origin is what browsers tell of the page that connects.  It keeps other people's pages from
playing with the cookies and the network of those who visit them; a program can send any.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from gameserver.config import DEFAULT_PORTS, OWN_HOST, Settings, secrets_in
from gameserver.runtime.addresses import forwarded_for, is_in
from gameserver.runtime.admission import RETRY_AFTER_S, Admission, Peer, Reason
from gameserver.runtime.http import Response, path_of, text_response, values_of
from gameserver.runtime.upgrade import wants_upgrade

if TYPE_CHECKING:
    import h11

METRICS_PATH: Final = "/metrics"
#: The refusal of a page for its origin; the door tells of it in the log.
FOREIGN_PAGE: Final = text_response(403, "Pages of this origin may not connect here.")


class Gate:
    """The rules of one server.  ``plain_paths``: WebSockets there cannot show a token."""

    def __init__(
        self, settings: Settings, admission: Admission, plain_paths: Collection[str] = ()
    ) -> None:
        self.admission = admission
        self._settings = settings
        self._plain_paths = frozenset(plain_paths)
        self._origins = frozenset(origin.encode() for origin in settings.origins)

    def question(self, peer: Peer, request: h11.Request, now_s: float) -> Response | None:
        """Return the refusal of ``request``, or None if it may go on."""
        return (
            self._identify(peer, request, now_s)
            or self._check_haste(peer, now_s)
            or self._check_upgrade(peer, request)
            or self._check_metrics(peer, request)
        )

    def _identify(self, peer: Peer, request: h11.Request, now_s: float) -> Response | None:
        if peer.connected_from is None or not self._came_by_proxy(peer):
            return None
        headers = values_of(request, b"x-forwarded-for")
        sender = forwarded_for(peer.connected_from, headers, self._settings.proxies)
        reason = self.admission.identify(peer, sender, now_s)
        return None if reason is None else busy_response()

    def _check_haste(self, peer: Peer, now_s: float) -> Response | None:
        return None if self.admission.let_ask(peer, now_s) is None else busy_response()

    # ------------------------------------------------------------ WebSockets

    def _check_upgrade(self, peer: Peer, request: h11.Request) -> Response | None:
        if not wants_upgrade(request):
            return None
        origins = values_of(request, b"origin")
        peer.is_bot = not origins
        if peer.is_bot:
            return self._check_bot(request)
        if len(origins) == 1 and self._may_connect(origins[0], values_of(request, b"host")):
            return None
        self.admission.turn_away(Reason.ORIGIN)
        return FOREIGN_PAGE

    def _may_connect(self, origin: bytes, hosts: list[bytes]) -> bool:
        if origin in self._origins and origin != OWN_HOST.encode():
            return True
        scheme, separator, authority = origin.partition(b"://")
        if OWN_HOST.encode() not in self._origins or not (separator and authority):
            return False
        default_port = DEFAULT_PORTS.get(scheme.decode("latin-1"))
        if default_port is None or len(hosts) != 1:
            return False
        port = default_port.encode()
        return authority.removesuffix(port) == hosts[0].lower().removesuffix(port)

    def _check_bot(self, request: h11.Request) -> Response | None:
        if not (self._settings.bots_need_token and path_of(request) in self._plain_paths):
            return None
        self.admission.turn_away(Reason.BOT)
        return text_response(403, "Programs need a token, and there is no way to show one here.")

    # ------------------------------------------------------------ metrics

    def _check_metrics(self, peer: Peer, request: h11.Request) -> Response | None:
        if path_of(request) != METRICS_PATH or self._may_read_metrics(peer, request):
            return None
        self.admission.turn_away(Reason.METRICS)
        return text_response(403, "The metrics are not for everyone.")

    def _may_read_metrics(self, peer: Peer, request: h11.Request) -> bool:
        for token in secrets_in(self._settings.metrics_token or ""):
            given = values_of(request, b"authorization")
            if given and hmac.compare_digest(given[0], b"Bearer " + token.encode()):
                return True
        if peer.address is None or not is_in(peer.address, self._settings.metrics_from):
            return False
        # A proxy that is not listed makes the whole world look like this machine.
        forwarded = values_of(request, b"x-forwarded-for") or values_of(request, b"forwarded")
        return not forwarded or self._came_by_proxy(peer)

    def _came_by_proxy(self, peer: Peer) -> bool:
        return peer.connected_from is not None and is_in(
            peer.connected_from, self._settings.proxies
        )


def busy_response() -> Response:
    """Return the answer to one over a cap."""
    return text_response(
        503, "Too many are here already.", headers=(("Retry-After", str(RETRY_AFTER_S)),)
    )
