"""The accept loop, and each connection until it is answered or becomes a WebSocket session.

Owns the deadlines of requests, the guard around every connection, and the counters.  Which
connections and requests are accepted is up to ``connection_limits.py`` and ``request_policy.py``.
Never knows rooms: a session is a handler that gets a WebSocket.  Any bytes that one peer sends, and
however its connection ends, the accept loop and all other connections go on.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import attrs
import h11
import structlog
import trio

from gameserver.config import Settings
from gameserver.errors import GameServerError
from gameserver.ops.logging import escaped
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.admission.connection_limits import ConnectionLimits, Peer, Reason
from gameserver.runtime.admission.join_throttle import JoinThrottle
from gameserver.runtime.http.busy_response import BusyResponse
from gameserver.runtime.http.conversation import Conversation
from gameserver.runtime.http.endpoint import Endpoint, Handler
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.http.messages import (
    MAX_BODY_BYTES,
    Posted,
    Response,
    Site,
    text_response,
)
from gameserver.runtime.http.request_policy import RequestPolicy
from gameserver.runtime.http.upgrade import Upgrade, read_upgrade, wants_upgrade
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.websocket import LIBRARY_ERRORS, WebSocket, WebSocketClosed

if TYPE_CHECKING:
    import ssl

log = structlog.get_logger(__name__)

#: So many connections are accepted before other tasks run.  A TLS handshake, an upgrade or a join
#: costs a millisecond or two; connections that are accepted together reach the next of these
#: together, and a tick would wait for all of them.
ACCEPTS_PER_TURN: Final = 3

FLOOD: Final = "more frames or bytes than allowed"

_PEER_IS_GONE = (
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    WebSocketClosed,
)
#: The errors that a peer can cause outside of a handler. They are counted, not logged.
_PEER_MISBEHAVED = (
    *_PEER_IS_GONE,
    *LIBRARY_ERRORS,
    h11.ProtocolError,
    UnicodeError,
    trio.TooSlowError,
    OSError,
)

_BAD_HEADS = {
    431: "The request head is too large.",
    501: "This transfer coding is not known here.",
}


@attrs.frozen(kw_only=True)
class AcceptorSettings:
    """The limits of time and size of an acceptor."""

    #: From the accept (or from the first byte of a later request) to the end of the request's head.
    #: For a WebSocket it also covers the opening and the session's first message.
    handshake_timeout_s: float = 5.0
    #: For the peer to read an answer.
    answer_timeout_s: float = 30.0
    #: Between two requests on a connection.
    idle_timeout_s: float = 15.0
    head_bytes: int = 8 * 1024
    #: Before the next accept, when the system has no descriptor left.
    accept_retry_s: float = 0.1


@attrs.frozen(kw_only=True)
class AcceptorStatistics:
    """The counts since the start, and how many connections are open now."""

    open_connections: int
    accepted: int
    #: Request heads, upgrades included.
    requests: int
    #: Sessions that have begun.
    websockets: int
    #: Connections refused as soon as they were accepted; ``ConnectionLimits`` counts why.
    refused: int
    #: Requests answered with a status of 400 or more.
    rejected: int
    #: Connections that ended because of their peer or the network.
    failed: int
    #: Connections and routes that ended by a bug of ours; each is in the log.
    crashed: int
    accept_errors: int
    #: Connections closed for too many TLS records without data.
    idle_floods: int


class Acceptor:
    """The connections of one port.  ``serve`` runs it; meanwhile ``stop_accepting`` and
    ``statistics`` may be called.

    ``endpoints`` are WebSockets by exact path, ``game`` is the one for every other path.  Several
    acceptors may share a ``policy``.  ``ssl_context`` may be replaced at any time: later
    connections get the new one.
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
        #: Runs the connections; None before ``serve``.
        self._nursery: trio.Nursery | None = None
        self._accepting = True
        #: The connections that are between two requests.
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
        """Return the counters as they are now."""
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
        """Accept connections from ``listeners`` (see ``open_listeners``), which it closes.

        Returns after ``stop_accepting``, once the last connection is over.
        """
        self._listeners = list(listeners)
        try:
            async with trio.open_nursery() as beside:
                beside.start_soon(self._busy_response.run)
                beside.start_soon(self._join_throttle.run)
                async with trio.open_nursery() as self._nursery:
                    nursery = self._nursery
                    for listener in self._listeners:
                        nursery.start_soon(self._accept_from, listener, nursery)
                    task_status.started()
                beside.cancel_scope.cancel()
        finally:
            self._nursery = None
            self.stop_accepting()

    def stop_accepting(self) -> None:
        """Close the listeners and the connections between two requests.  Idempotent.

        Requests that are being answered and sessions go on.
        """
        self._accepting = False
        for listener in self._listeners:
            if listener.fileno() != -1:
                trio.lowlevel.notify_closing(listener)
                listener.close()
        for idle in self._idle:
            idle.cancel()

    # Connections of other processes

    def adopt(
        self,
        sock: socket.socket,
        frozen: FrozenConnection,
        begin: Callable[[WebSocket, Peer], Handler] | None = None,
    ) -> None:
        """Go on with a connection to the game that another process has frozen, and own its socket.

        The one way in for sockets that are passed: ``frozen`` was made by ``WebSocket.freeze`` (a
        hello that was read already is put back by it) and ``Peer.freeze``.  ``begin`` is called
        first, within the turn of the loop in which the task of the connection starts; it returns
        the handler, which must await ``ws.begin``.  By default the handler is that of a new
        connection, which waits for the hello.  ``serve`` must be running.
        """
        assert self._nursery is not None, "serve comes first"
        self._accepted += 1
        peer = self._policy.connection_limits.adopt(frozen.peer, trio.current_time())
        peer.evict = sock.close
        self._open_connections += 1
        self._nursery.start_soon(self._guard, sock, peer, frozen, begin)

    async def _go_on(
        self,
        sock: socket.socket,
        peer: Peer,
        frozen: FrozenConnection,
        begin: Callable[[WebSocket, Peer], Handler] | None,
    ) -> None:
        endpoint = self._game
        async with trio.open_nursery() as nursery:
            link = Link.accepted(sock, nursery)
            peer.evict = link.drop
            try:
                flooded = trio.CancelScope()
                ws = WebSocket.adopt(
                    link,
                    nursery,
                    frozen.websocket,
                    max_message_bytes=endpoint.max_message_bytes,
                    queue_messages=endpoint.queue_messages,
                    max_fragments=endpoint.max_fragments,
                    intake=endpoint.intake,
                    on_flood=flooded.cancel,
                )
                if begin is None:
                    await self._join_throttle.wait_turn()
                    await ws.begin()
                    handler = endpoint.handler
                else:
                    handler = begin(ws, peer)
                await self._run_handler(handler, ws, peer, flooded)
                await link.finish()
            finally:
                link.drop()
                nursery.cancel_scope.cancel()

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
                # Most often EMFILE or ENFILE.  The connection stays in the backlog, so that another
                # try at once would spin; some descriptor is closed sooner or later.
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
                if error.errno != errno.ECONNABORTED:  # only this peer gave up
                    raise
                self._accept_errors += 1
                continue
            self._accepted += 1
            now_s = trio.current_time()
            peer = self._policy.connection_limits.admit(address[0], address[1], now_s)
            if isinstance(peer, Reason):
                self._refused += 1
                self._busy_response.refuse(sock, tls=self.ssl_context is not None)
                continue
            peer.deadline_s = now_s + self._settings.handshake_timeout_s
            peer.evict = sock.close
            self._open_connections += 1
            nursery.start_soon(self._guard, sock, peer)

    async def _guard(
        self,
        sock: socket.socket,
        peer: Peer,
        frozen: FrozenConnection | None = None,
        begin: Callable[[WebSocket, Peer], Handler] | None = None,
    ) -> None:
        """Run one connection and stop all its errors here, single or in groups.

        Cancellation goes on: ``except*`` takes only the errors out of a group.
        """
        try:
            if frozen is None:
                await self._connection(sock, peer)
            else:
                await self._go_on(sock, peer, frozen, begin)
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
        """Answer requests until the connection is over, or one asks for a WebSocket."""
        conversation = Conversation(link, head_bytes=self._settings.head_bytes)
        try:
            with trio.fail_at(peer.deadline_s):
                if self.ssl_context is not None:
                    await link.handshake()
                begun = await conversation.wait_for_request()
            while begun:
                # The peer's time does not run while it waits for its turn.
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
            # After a wrong path or method a client may ask again; after a wrong request not.
            last = last or response.status not in (404, 405)
        with trio.move_on_after(self._settings.answer_timeout_s):
            return await conversation.answer(response, last=last or not self._accepting)
        self._failed += 1  # half an answer is out: the link is broken
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
            if (post := self._site.post_for(request)) is not None:
                return await self._posted(request, conversation, peer, post)
            return self._site_answer(request, await self._prepared(request))
        upgrade = read_upgrade(request)
        if isinstance(upgrade, Response):
            return upgrade
        if conversation.early_bytes:
            return text_response(400, "Nothing may be sent before the answer to an upgrade.")
        wanted = self._endpoints.get(upgrade.path, self._game)
        endpoint = wanted.offered_by(upgrade.subprotocols)
        if endpoint is None:
            return text_response(
                400, f"Offer the WebSocket subprotocol {wanted.subprotocol} to play here."
            )
        return _Opening(upgrade=upgrade, endpoint=endpoint)

    async def _prepared(self, request: h11.Request) -> Response | None:
        try:
            return await self._site.prepare(request)
        except GameServerError as error:
            return text_response(503, f"Another process of the server does not answer: {error}")

    async def _posted(
        self,
        request: h11.Request,
        conversation: Conversation,
        peer: Peer,
        post: Callable[[Posted], Awaitable[Response]],
    ) -> Response:
        with trio.fail_at(peer.deadline_s):
            body = await conversation.read_body(MAX_BODY_BYTES)
        if body is None:
            return text_response(413, f"A body has {MAX_BODY_BYTES} bytes at most.")
        try:
            return await post(Posted(request, body, peer, self.ssl_context is not None))
        except Exception:
            self._crashed += 1
            log.exception("route crashed", target=escaped(request.target.decode("ascii")))
            return text_response(500, "The request failed; the log of the server says why.")

    def _site_answer(self, request: h11.Request, made: Response | None) -> Response:
        try:
            return self._site.answer(request, made)
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
        if endpoint.subprotocol is None:
            peer.joined()  # there is no hello to wait for
        await self._run_handler(endpoint.handler, ws, peer, flooded)

    async def _run_handler(
        self, handler: Handler, ws: WebSocket, peer: Peer, flooded: trio.CancelScope
    ) -> None:
        """Run the handler of an open WebSocket to its end; ``flooded`` is cancelled by a flood."""
        self._websockets += 1
        code, reason = CloseCode.NORMAL, ""
        try:
            with flooded:
                await handler(ws, peer)
        except* _PEER_IS_GONE:
            pass  # the usual end of a session: the handler was waiting for its peer
        except* Exception:
            self._crashed += 1
            log.exception("session crashed", peer=peer.name)
            code, reason = CloseCode.INTERNAL_ERROR, "internal error"
        if flooded.cancelled_caught:
            code, reason = CloseCode.RATE, FLOOD
        self._failed += flooded.cancelled_caught + ws.reader_failed
        await ws.close(code, reason)
        await ws.end()


@attrs.frozen(kw_only=True)
class _Opening:
    """A valid request for a WebSocket, and its endpoint."""

    upgrade: Upgrade
    endpoint: Endpoint


def _default_policy() -> RequestPolicy:
    """Return a policy with a server's default settings."""
    settings = Settings()
    return RequestPolicy(settings, ConnectionLimits(settings))
