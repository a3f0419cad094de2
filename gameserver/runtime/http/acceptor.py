"""The accept loop, and one connection until it is answered or is a WebSocket session.

Owns how long each may take to say what it wants, the guard around every connection, and the
counters. Who may come in is asked of ``connection_limits.py`` (connections) and
``request_policy.py`` (requests). Knows nothing of rooms: a session is a handler that is given its
WebSocket. Whatever one peer sends, and however its connection ends, the accept loop and all other
connections go on.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import h11
import structlog
import trio

from gameserver.config import Settings
from gameserver.ops.logging import escaped
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.admission.connection_limits import ConnectionLimits, Peer, Reason
from gameserver.runtime.admission.join_throttle import JoinThrottle
from gameserver.runtime.http.busy_response import BusyResponse
from gameserver.runtime.http.conversation import Conversation
from gameserver.runtime.http.endpoint import Endpoint
from gameserver.runtime.http.messages import Response, Site, text_response
from gameserver.runtime.http.request_policy import RequestPolicy
from gameserver.runtime.http.upgrade import Upgrade, read_upgrade, wants_upgrade
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.websocket import LIBRARY_ERRORS, WebSocket, WebSocketClosed

if TYPE_CHECKING:
    import ssl

log = structlog.get_logger(__name__)

ACCEPTS_PER_TURN = 4
"""So many connections are taken before the other tasks get their turn.

A TLS handshake, an upgrade or a join costs a millisecond or two. Whoever is taken together is
ready for the next of these together, and a room's tick waits for all of them.
"""

RECEIVE_BUFFER_BYTES = 48 * 1024
"""What the kernel may hold of a connection that we have not read.

Else it lets that grow to megabytes for a peer that sends fast (Linux, ``tcp_rmem``: 6 to 32), of
which every flood would have its own. Over a round trip of 300 ms this still takes 160 KB a second,
more than a player may send.
"""

SEND_BUFFER_BYTES = 128 * 1024
"""What the kernel may hold of what a peer has not taken, or not said that it has.

Else that grows to megabytes too (``tcp_wmem``: 4), for a peer whose window is large and that
acknowledges nothing. Over a round trip of 300 ms this still lets 400 KB a second go out.
"""

FLOOD = "more frames or bytes than allowed"

_PEER_IS_GONE = (
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    WebSocketClosed,
)
_PEER_MISBEHAVED = (
    *_PEER_IS_GONE,
    *LIBRARY_ERRORS,
    h11.ProtocolError,
    UnicodeError,
    trio.TooSlowError,
    OSError,
)
"""What a peer can cause outside of a handler. Counted, not logged."""


_BAD_HEADS = {
    431: "The request head is too large.",
    501: "This transfer coding is not known here.",
}


@attrs.frozen(kw_only=True)
class AcceptorSettings:
    """Limits of time and size."""

    handshake_timeout_s: float = 5.0
    """From the first moment (or the first byte of a later request) to the end of the head;
    for a WebSocket until it is open, and on to the session's first message."""
    answer_timeout_s: float = 30.0
    """For taking an answer."""
    idle_timeout_s: float = 15.0
    """Between two requests on a connection."""
    head_bytes: int = 8 * 1024
    accept_retry_s: float = 0.1
    """How long to wait when the system has no socket left to give."""


@attrs.frozen(kw_only=True)
class AcceptorStatistics:
    """Counts since the start, and connections open now."""

    open_connections: int
    accepted: int
    requests: int
    """Request heads read, upgrades included."""
    websockets: int
    """Sessions begun."""
    refused: int
    """Connections turned away as soon as they were accepted; ``ConnectionLimits`` knows why."""
    rejected: int
    """Requests answered with a status of 400 or more."""
    failed: int
    """Connections that ended by what the peer or the network did."""
    crashed: int
    """Connections and routes that ended by an error of ours; each is in the log."""
    accept_errors: int
    idle_floods: int
    """Connections ended for too many TLS records without data."""


class Acceptor:
    """One port. ``serve`` runs it; nothing else here is for calling while it does, but
    ``stop_accepting`` and ``statistics``.

    ``endpoints`` are WebSockets by exact path, ``game`` the one for every other path. ``policy``
    may be shared by several acceptors. ``ssl_context`` may be replaced at any time: whoever comes
    then gets the new one.
    """

    def __init__(
        self,
        *,
        site: Site,
        endpoints: Mapping[str, Endpoint],
        game: Endpoint,
        policy: RequestPolicy | None = None,
        ssl_context: ssl.SSLContext | None = None,
        settings: AcceptorSettings | None = None,
    ) -> None:
        self._site = site
        self._endpoints = endpoints
        self._game = game
        self._policy = policy or _default_policy()
        self.ssl_context = ssl_context
        self._settings = settings or AcceptorSettings()
        self._busy_response = BusyResponse()
        self._join_throttle = JoinThrottle()
        self._listeners: list[socket.socket] = []
        self._accepting = True
        #: Of connections between two requests.
        self._idle: set[trio.CancelScope] = set()
        self._open_connections = 0
        self._accepted = 0
        self._requests = 0
        self._websockets = 0
        self._refused = 0
        self._rejected = 0
        self._failed = 0
        self._crashed = 0
        self._accept_errors = 0
        self._idle_floods = 0

    def statistics(self) -> AcceptorStatistics:
        """The counters as they are now."""
        return AcceptorStatistics(
            open_connections=self._open_connections,
            accepted=self._accepted,
            requests=self._requests,
            websockets=self._websockets,
            refused=self._refused,
            rejected=self._rejected,
            failed=self._failed,
            crashed=self._crashed,
            accept_errors=self._accept_errors,
            idle_floods=self._idle_floods,
        )

    async def serve(
        self,
        listeners: Sequence[socket.socket],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Take connections from the listening sockets (see ``open_listeners``), which it closes.

        Returns after ``stop_accepting``, once the last connection is over.
        """
        self._listeners = list(listeners)
        try:
            async with trio.open_nursery() as apart:
                apart.start_soon(self._busy_response.run)
                apart.start_soon(self._join_throttle.run)
                async with trio.open_nursery() as nursery:
                    for listener in self._listeners:
                        nursery.start_soon(self._accept_from, listener, nursery)
                    task_status.started()
                apart.cancel_scope.cancel()
        finally:
            self.stop_accepting()

    def stop_accepting(self) -> None:
        """Close the listeners and the connections that idle between requests. Idempotent.

        What is being answered or played goes on.
        """
        self._accepting = False
        for listener in self._listeners:
            if listener.fileno() != -1:
                trio.lowlevel.notify_closing(listener)
                listener.close()
        for idle in self._idle:
            idle.cancel()

    # Accepting

    async def _accept_from(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        retrying = False
        while self._accepting:
            try:
                await trio.lowlevel.wait_readable(listener)
                self._accept_ready(listener, nursery)
                retrying = False
            except trio.ClosedResourceError:
                return
            except OSError as error:
                # Most often EMFILE or ENFILE. The connection stays in the backlog, so that
                # trying at once would spin; some descriptor is closed sooner or later.
                self._accept_errors += 1
                if not retrying:
                    log.warning("cannot accept connections, retrying", error=str(error))
                retrying = True
                await trio.sleep(self._settings.accept_retry_s)

    def _accept_ready(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ECONNABORTED:  # this one peer gave up; go on
                    raise
                self._accept_errors += 1
                continue
            self._accepted += 1
            now_s = trio.current_time()
            peer = self._policy.connection_limits.admit(address[0], address[1], now_s)
            if isinstance(peer, Reason):
                self._refused += 1
                self._busy_response.turn_away(sock, tls=self.ssl_context is not None)
                continue
            peer.deadline_s = now_s + self._settings.handshake_timeout_s
            peer.evict = sock.close
            self._open_connections += 1
            nursery.start_soon(self._guard, sock, peer)

    async def _guard(self, sock: socket.socket, peer: Peer) -> None:
        """Run one connection so that no error of it, single or grouped, gets any further.

        Cancellation does: ``except*`` takes only the errors out of a group.
        """
        try:
            await self._connection(sock, peer)
        except* _PEER_MISBEHAVED:
            self._failed += 1
        except* Exception:
            self._crashed += 1
            log.exception("connection crashed", peer=peer.name)
        finally:
            sock.close()
            peer.leave()
            self._open_connections -= 1

    # One connection

    async def _connection(self, sock: socket.socket, peer: Peer) -> None:
        async with trio.open_nursery() as nursery:
            link = Link.accepted(sock, nursery, ssl_context=self.ssl_context)
            peer.evict = link.drop
            try:
                opening = await self._opening_of(link, peer)
                if opening is not None:
                    await self._session(link, opening, peer, nursery)
                await link.finish()
            finally:
                self._idle_floods += link.idle_flood
                link.drop()
                nursery.cancel_scope.cancel()

    async def _opening_of(self, link: Link, peer: Peer) -> _Opening | None:
        """Answer requests until the connection is over, or is to become a session."""
        conversation = Conversation(link, head_bytes=self._settings.head_bytes)
        try:
            with trio.fail_at(peer.deadline_s):
                if self.ssl_context is not None:
                    await link.handshake()
                begun = await conversation.wait_for_request()
            while begun:
                # That it has to wait for its turn is no fault of the peer's.
                peer.deadline_s += await self._join_throttle.wait_turn()
                with trio.fail_at(peer.deadline_s):
                    request = await conversation.next_request()
                if request is None:
                    return None
                self._requests += 1
                reaction = await self._react(request, conversation, peer)
                if isinstance(reaction, _Opening):
                    return reaction
                if not await self._answer(conversation, reaction):
                    return None
                peer.answered()
                begun = await self._another_begins(conversation)
                peer.deadline_s = trio.current_time() + self._settings.handshake_timeout_s
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            refusal = text_response(
                status, _BAD_HEADS.get(status, "This is no request in HTTP/1.1.")
            )
        except trio.TooSlowError:
            if not link.bytes_in:
                raise
            refusal = text_response(408, "The request took too long.")
        else:
            return None
        await self._answer(conversation, refusal, last=True)
        return None

    async def _answer(
        self, conversation: Conversation, response: Response, *, last: bool = False
    ) -> bool:
        if response.status >= 400:
            self._rejected += 1
            # A client that is only lost may ask again; one that is wrong may not.
            last = last or response.status not in (404, 405)
        with trio.move_on_after(self._settings.answer_timeout_s):
            return await conversation.answer(response, last=last or not self._accepting)
        self._failed += 1  # half an answer is out, so that the link is broken and nothing follows
        return False

    async def _another_begins(self, conversation: Conversation) -> bool:
        with trio.move_on_after(self._settings.idle_timeout_s) as idle:
            self._idle.add(idle)
            try:
                return await conversation.wait_for_request()
            finally:
                self._idle.remove(idle)
        return False

    async def _react(
        self, request: h11.Request, conversation: Conversation, peer: Peer
    ) -> Response | _Opening:
        refusal = self._policy.question(peer, request, trio.current_time())
        if refusal is not None:
            return refusal
        if not wants_upgrade(request):
            await self._site.prepare(request)
            return self._site_answer(request)
        upgrade = read_upgrade(request)
        if isinstance(upgrade, Response):
            return upgrade
        if conversation.early_bytes:
            return text_response(400, "Nothing may be sent before the answer to an upgrade.")
        endpoint = self._endpoints.get(upgrade.path, self._game)
        if endpoint.subprotocol not in (None, *upgrade.subprotocols):
            return text_response(
                400, f"Offer the WebSocket subprotocol {endpoint.subprotocol} to play here."
            )
        return _Opening(upgrade=upgrade, endpoint=endpoint)

    def _site_answer(self, request: h11.Request) -> Response:
        try:
            return self._site.answer(request)
        except Exception:
            self._crashed += 1
            log.exception("route crashed", target=escaped(request.target.decode("ascii")))
            return text_response(500, "This page is broken; the server goes on.")

    async def _session(
        self, link: Link, opening: _Opening, peer: Peer, nursery: trio.Nursery
    ) -> None:
        """Open the WebSocket and run its handler to the end."""
        endpoint = opening.endpoint
        flooded = trio.CancelScope()
        ws = await WebSocket.open(
            link,
            nursery,
            opening.upgrade.head,
            subprotocol=endpoint.subprotocol,
            max_message_bytes=endpoint.max_message_bytes,
            queue_messages=endpoint.queue_messages,
            max_fragments=endpoint.max_fragments,
            fast_path=endpoint.fast_path,
            intake=endpoint.intake,
            on_flood=flooded.cancel,
        )
        self._websockets += 1
        if endpoint.subprotocol is None:
            peer.joined()  # there is no hello to wait for
        code, reason = CloseCode.NORMAL, ""
        try:
            with flooded:
                await endpoint.handler(ws, peer)
        except* _PEER_IS_GONE:
            pass  # how a session ends: the handler was waiting for its peer
        except* Exception:
            self._crashed += 1
            log.exception("session crashed", peer=peer.name)
            code, reason = CloseCode.INTERNAL_ERROR, "internal error"
        if flooded.cancelled_caught:
            code, reason = CloseCode.RATE, FLOOD
        self._failed += flooded.cancelled_caught + ws.reader_failed
        await ws.close(code, reason)
        await ws.end()


async def open_listeners(
    host: str | None, port: int, *, backlog: int = 1024
) -> list[socket.socket]:
    """Listening TCP sockets for ``host`` (a name or an address; None: every interface).

    Raises ``OSError`` where the port is taken or the host is not of this machine.
    """
    opened = await trio.open_tcp_listeners(port, host=host, backlog=backlog)
    listeners = [socket.socket(fileno=listener.socket.detach()) for listener in opened]
    for listener in listeners:
        listener.settimeout(0)
        # Inherited by what is accepted, from the first segment on.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listeners


@attrs.frozen(kw_only=True)
class _Opening:
    """A WebSocket that is to be opened."""

    upgrade: Upgrade
    endpoint: Endpoint


def _default_policy() -> RequestPolicy:
    """A policy with the settings that a server has by default."""
    settings = Settings()
    return RequestPolicy(settings, ConnectionLimits(settings))
