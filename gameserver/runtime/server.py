"""The server: the nursery that holds acceptors, rooms and sessions, its routes, and its end.

Owns what starts, and in which order everything stops.  Never touches a message or a world.
"""

from __future__ import annotations

import math
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Generator,
    Mapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import structlog
import trio

from gameserver.config import Settings
from gameserver.errors import GameServerError
from gameserver.ops.metrics import (
    ACCEPTOR_COUNTS,
    CONTENT_TYPE,
    Counters,
    ServerFigures,
    Tally,
    exposition,
    total,
)
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import (
    FORMER_SUBPROTOCOLS,
    MAX_CLIENT_MESSAGE_BYTES,
    SUBPROTOCOL,
)
from gameserver.room import Room
from gameserver.runtime import plain
from gameserver.runtime.admission.connection_limits import ConnectionLimits, Peer, Reason
from gameserver.runtime.admission.memory import MemoryWatch
from gameserver.runtime.data_folder import keeps_in_storage, owner_of
from gameserver.runtime.gc_policy import GcPolicy
from gameserver.runtime.http.acceptor import Acceptor, AcceptorSettings
from gameserver.runtime.http.assets import Assets, web_client
from gameserver.runtime.http.endpoint import Endpoint, Handler
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.http.messages import BINARY, Response, Site, text_response
from gameserver.runtime.http.page_folder import page_files
from gameserver.runtime.http.request_policy import LOAD_PATH, METRICS_PATH, RequestPolicy
from gameserver.runtime.membership.cluster_rooms import ClusterRooms
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.net.activation import is_activated
from gameserver.runtime.net.listening import StartError as StartError
from gameserver.runtime.net.listening import listen
from gameserver.runtime.net.tls import Certificate
from gameserver.runtime.net.websocket import WebSocket
from gameserver.runtime.reloading import read_beside
from gameserver.runtime.reservation_api import ReservationApi
from gameserver.runtime.rooms.journal_files import journals_folder, make_folder
from gameserver.runtime.rooms.kept_rooms import KeptRooms
from gameserver.runtime.rooms.kind_figures import kind_figures
from gameserver.runtime.rooms.kind_list import kind_list
from gameserver.runtime.rooms.load_list import load_list
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.resumption import Showing
from gameserver.runtime.rooms.room_list import RoomList
from gameserver.runtime.server_storage import ServerStorage, report
from gameserver.runtime.sessions.entrance import VERSION_REFUSED
from gameserver.runtime.sessions.frozen_session import FrozenPlay
from gameserver.runtime.sessions.routing import Routed
from gameserver.runtime.sessions.session import FROM_CLIENT, Session
from gameserver.runtime.surroundings import Surroundings
from gameserver.storage.errors import StorageError
from gameserver.storage.room_storage import RoomStorage
from gameserver.tokens import Fault

if TYPE_CHECKING:
    import socket
    import ssl

log = structlog.get_logger(__name__)

GOING: Final = "the server is shutting down"
DRAINING: Final = "the server makes no rooms any more; it is about to stop"
#: How often a server that drains looks whether anybody plays.
DRAIN_LOOK_S: Final = 0.5
#: How often it tries again to hand over rooms that no other node has taken.
GIVE_AGAIN_S: Final = 5.0
#: Of the grace period; the rest is for the rooms' ``on_stop``.
SESSIONS_SHARE_OF_GRACE: Final = 0.6
METRICS_LIFE_S: Final = 1.0
#: So many sessions are counted for ``/metrics`` before the other tasks get their turn.
SESSIONS_PER_TURN: Final = 50


@attrs.frozen
class Port:
    """Listening sockets of one port; more than one if its host has several addresses."""

    sockets: list[socket.socket]
    ssl_context: ssl.SSLContext | None

    @property
    def number(self) -> int:
        """The number of the port."""
        number: int = self.sockets[0].getsockname()[1]
        return number

    def close(self) -> None:
        """Close the sockets of this process."""
        for listener in self.sockets:
            listener.close()

    def duplicate(self) -> Port:
        """Return the port with descriptors of its own."""
        return Port([listener.dup() for listener in self.sockets], self.ssl_context)


class Server:
    """A running server; made by ``open_server``.

    ``port`` (http, ws) and ``tls_port`` (https, wss; None without a certificate) are those in use.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[Room]],
        settings: Settings,
        surroundings: Surroundings[Server] | None = None,
    ) -> None:
        self.settings = settings
        #: The other nodes of the host; None for a server that is alone.
        self._surroundings = surroundings
        #: None without a directory, and before ``join_cluster``.
        self.membership: Membership | None = None
        #: The descriptor of the data folder's lock; None without a data folder.
        self.data_lock: int | None = None
        #: None where nothing is kept, and before ``open_storage``.
        self.storage: ServerStorage | None = None
        self._kinds = kinds
        #: None where durable rooms are not kept in the storage.
        self._kept: KeptRooms | None = None
        self.port = 0
        self.tls_port: int | None = None
        self.counters = Counters()
        self.lobby = Lobby(kinds, settings)
        self.connection_limits = ConnectionLimits(
            settings, MemoryWatch(), held_by=self.lobby.hold_quota.held_by
        )
        self.gc_policy = GcPolicy(lambda: self.players)
        self._sessions: set[Session] = set()
        self._no_session = trio.Event()
        self._past = Tally()
        self._acceptors: list[Acceptor] = []
        #: Holds all that runs; None before ``start``.
        self._nursery: trio.Nursery | None = None
        self._certificate: Certificate | None = None
        self._room_list = RoomList(self.lobby)
        #: The rooms of all hosts; None before somebody asks for them.
        self._cluster_rooms: ClusterRooms | None = None
        self._site = self._make_site()
        self._plain = self._other_endpoints()
        self._policy = RequestPolicy(settings, self.connection_limits, self._plain)
        self._ready = False
        #: The ports in use; empty before ``accept``.
        self.ports: Sequence[Port] = ()
        #: Whether no room is made any more, because the server is about to stop.
        self._draining = False
        #: How many acceptors have no connection any more, and set when none has.
        self._acceptors_over = 0
        self._no_connection = trio.Event()
        #: Whether another process has the rooms and the ports.
        self._left = False
        #: Whether the leases in the storage and in the directory are this process' to end.
        self.has_leases = True
        self._exposition = b""
        self._exposed_s = -math.inf
        self._gathering_metrics = trio.Lock()

    # ------------------------------------------------------------ starting

    async def open_storage(self, owner: str | None = None) -> None:
        """Open the storage that the setting names; ``StartError`` if that fails.

        ``owner`` is the name of this server there, if it goes on from another process.
        """
        if self.settings.storage is None:
            if self._surroundings is not None and any(r.durable for r in self.lobby.classes):
                raise StartError(
                    "several nodes keep durable rooms in a storage: install the extra storage, or "
                    "give --storage"
                )
            return
        try:
            self.storage = await ServerStorage.open(self.settings.storage)
            self.lobby.storage_for_room = self.storage.for_room
            self.lobby.moderation.storage = self.storage.storage
            await self.lobby.moderation.load()
            if keeps_in_storage(self.settings) or self._surroundings is not None:
                await self._keep_rooms(self.storage, owner)
        except StorageError as error:
            raise StartError(str(error)) from error

    async def _keep_rooms(self, storage: ServerStorage, owner: str | None) -> None:
        """Keep durable rooms in the storage."""
        if any(room.durable for room in self.lobby.classes):
            # The nodes of a host share a data folder, but each has rooms of its own.
            named_by = Settings() if self._surroundings is not None else self.settings
            self._kept = KeptRooms(storage.storage, owner or owner_of(named_by), self._kinds)
            await self._kept.begin()
            self.lobby.durable.keep(self._kept, storage.storage, report)

    async def open_ports(self) -> list[Port]:
        """Listen, without taking connections yet.

        ``StartError``, ``JournalFolderError`` or ``CertificateError`` if that fails.
        """
        settings = self.settings
        in_files = self._kept is None and any(room.durable for room in self.lobby.classes)
        if settings.journal is not None or in_files:
            make_folder(journals_folder(settings))
        if self._surroundings is not None:
            return self._shared_ports(self._surroundings)
        ports = [Port(await listen(settings.host, settings.port, "port"), None)]
        self.port = ports[0].number
        if settings.certificate is not None and settings.key is not None:
            try:
                self._certificate = Certificate(settings.certificate, settings.key)
                sockets = await listen(settings.host, settings.tls_port, "tls_port")
            except GameServerError:
                ports[0].close()
                raise
            ports.append(Port(sockets, self._certificate.context))
            self.tls_port = ports[1].number
        return ports

    def _shared_ports(self, surroundings: Surroundings[Server]) -> list[Port]:
        """Return the ports that the nodes of this host share, and the one of this node."""
        settings = self.settings
        ports = [Port(list(surroundings.plain_listeners), None)]
        self.port = ports[0].number
        if settings.certificate is not None and settings.key is not None:
            self._certificate = Certificate(settings.certificate, settings.key)
            secure = self._certificate.context
            ports.append(Port(list(surroundings.tls_listeners), secure))
            ports.append(Port(list(surroundings.own_tls_listeners), secure))
            self.tls_port = ports[1].number
            self._policy.accept_pages_of(ports[1].number, ports[2].number)
        return ports

    async def inherit_ports(
        self, plain: Sequence[socket.socket], tls: Sequence[socket.socket]
    ) -> list[Port]:
        """Return the ports of the process before, of which these are the listening sockets.

        ``StartError`` if the settings name other ports now; errors as in ``open_ports`` for the
        certificate, and for a TLS port that the process before did not have.
        """
        settings = self.settings
        ports = [Port(list(plain), None)]
        self.port = ports[0].number
        if settings.port not in (0, self.port) and not is_activated():
            raise StartError(
                f"port is {settings.port} now, and an upgrade keeps port {self.port}: restart"
            )
        if settings.certificate is not None and settings.key is not None:
            self._certificate = Certificate(settings.certificate, settings.key)
            sockets = list(tls) or await listen(settings.host, settings.tls_port, "tls_port")
            ports.append(Port(sockets, self._certificate.context))
            self.tls_port = ports[1].number
        return ports

    async def start(self, ports: Sequence[Port], nursery: trio.Nursery) -> None:
        """Take connections, and run everything in ``nursery``."""
        self.begin(nursery)
        await self.lobby.durable.recover()
        await self.accept(ports)
        if self.membership is not None:
            await nursery.start(self.membership.run)

    def begin(self, nursery: trio.Nursery) -> None:
        """Run in ``nursery`` from now on everything but rooms and ports."""
        self._nursery = nursery
        if self.storage is not None:
            nursery.start_soon(self.storage.run)
            if self.settings.directory is not None:
                nursery.start_soon(self.lobby.moderation.follow)
        if self._kept is not None:
            nursery.start_soon(self._kept.run)
        self.lobby.start(nursery)
        if self._surroundings is not None:
            self._surroundings.attend(self)

    async def accept(self, ports: Sequence[Port]) -> None:
        """Take connections."""
        assert self._nursery is not None, "begin comes first"
        self.ports, self.has_leases = ports, True
        for port in ports:
            await self._nursery.start(self._run_acceptor, port)
        self._ready = True

    def follow_gc_policy(self) -> None:
        """Keep garbage collections small until the server has stopped.

        For a server that has the process to itself: the collector is the process'.
        """
        assert self._nursery is not None
        self._nursery.start_soon(self.gc_policy.run)

    async def _run_acceptor(self, port: Port, *, task_status: trio.TaskStatus[None]) -> None:
        acceptor = Acceptor(
            site=self._site,
            endpoints=self._plain,
            game=Endpoint(
                handler=self._handle,
                subprotocol=SUBPROTOCOL,
                max_message_bytes=MAX_CLIENT_MESSAGE_BYTES,
                fast_path=True,
                former=tuple(
                    Endpoint(handler=self._refuse_version, subprotocol=each)
                    for each in FORMER_SUBPROTOCOLS
                ),
            ),
            policy=self._policy,
            ssl_context=port.ssl_context,
            settings=AcceptorSettings(handshake_timeout_s=self.settings.hello_deadline_s),
        )
        self._acceptors.append(acceptor)
        await acceptor.serve(port.sockets, task_status=task_status)
        self._acceptors_over += 1
        if self._acceptors_over == len(self._acceptors):
            self._no_connection.set()

    def adopt(self, sock: socket.socket, frozen: FrozenConnection, routed: Routed) -> None:
        """Go on with a connection that another node has passed on, and own its socket."""
        acceptor = next(each for each in self._acceptors if each.ssl_context is None)
        handler = partial(self._handle_adopted, routed=routed)
        acceptor.adopt(sock, frozen, lambda _ws, _peer: handler)

    @property
    def ready(self) -> bool:
        """Whether it takes connections and players."""
        return self._ready

    async def _handle(self, ws: WebSocket, peer: Peer, *, routed: Routed = FROM_CLIENT) -> None:
        session = self._session(ws, peer, routed)
        if not self._ready:
            session.end(CloseCode.GOING_AWAY, GOING)
        await self._run_session(session, session.run)

    def _session(self, ws: WebSocket, peer: Peer, routed: Routed) -> Session:
        return Session(
            ws,
            peer,
            self.lobby,
            self.settings,
            self.counters,
            None if self._surroundings is None else self._surroundings.router,
            routed,
        )

    async def _run_session(self, session: Session, run: Callable[[], Awaitable[None]]) -> None:
        self._sessions.add(session)
        try:
            await run()
        finally:
            self._sessions.remove(session)
            self._past = total(self._past, [session.tally()])
            if not self._sessions:
                self._no_session.set()

    # ------------------------------------------------------------ from process to process

    @property
    def owner(self) -> str | None:
        """The name by which it claims durable rooms in the storage; None if it keeps none there."""
        return None if self._kept is None else self._kept.owner

    @property
    def node(self) -> str | None:
        """The name by which the directory knows it; None without a directory."""
        return None if self.membership is None else self.membership.node

    async def wait_written(self) -> None:
        """Wait until all that rooms have given to the storage is written."""
        if self.storage is not None:
            await self.storage.wait_written()
            await self.lobby.durable.wait_written()

    def pause_renewals(self) -> None:
        """Renew no lease while another process, which has the same names, is about to do so."""
        if self.membership is not None:
            self.membership.pause()

    def go_on_renewing(self) -> None:
        """Renew leases after all; harmless if nothing is paused."""
        if self.membership is not None:
            self.membership.go_on_renewing()

    def join_directory(self) -> None:
        """Renew the lease from now on, without waiting for it: the process before has done so."""
        assert self._nursery is not None, "begin comes first"
        if self.membership is not None:
            self._nursery.start_soon(self.membership.run)

    @property
    def sessions(self) -> Collection[Session]:
        """The sessions of the game."""
        return self._sessions

    def room_storage(self) -> RoomStorage | None:
        """Return the storage for a room that comes from another process."""
        return None if self.storage is None else self.storage.for_room()

    def adopt_session(
        self,
        sock: socket.socket,
        frozen: FrozenConnection,
        begin: Callable[[WebSocket, Peer], Handler],
    ) -> None:
        """Go on with a plain connection of the process before; see ``Acceptor.adopt``."""
        next(each for each in self._acceptors if each.ssl_context is None).adopt(
            sock, frozen, begin
        )

    def go_on_with(
        self, ws: WebSocket, peer: Peer, play: FrozenPlay | None, began_s: float
    ) -> Handler:
        """Begin the session of an adopted connection, and return its handler.

        Without a ``play`` the client has no seat yet.
        """
        found = None if play is None else self.lobby.find_member(play.room, play.seat)
        if play is None or found is None:
            return self._handle_adopted
        session = self._session(ws, peer, FROM_CLIENT)
        session.go_on(*found, play, began_s)

        async def handle(_ws: WebSocket, _peer: Peer) -> None:
            await self._run_session(session, session.run_on)

        return handle

    async def _handle_adopted(
        self, ws: WebSocket, peer: Peer, *, routed: Routed = FROM_CLIENT
    ) -> None:
        await ws.begin()
        await self._handle(ws, peer, routed=routed)

    def leave(self) -> None:
        """Take no connections any more, because another process does: rooms and players are its."""
        self._left = True
        self._ready = self.has_leases = False
        for acceptor in self._acceptors:
            acceptor.stop_accepting()

    def reserve_seats(
        self,
        room: str,
        count: int = 1,
        *,
        options: Mapping[str, Any] | None = None,
        valid_s: float = 30.0,
    ) -> list[str]:
        """Reserve seats in one room, and return a ticket for each.

        ``room`` is written as in a client's hello; ``arena?mode=RANKED`` has filters.  If the room
        must be made, it is made with ``options``.  ``JoinRefused`` if there are no such seats,
        ``LocalProtocolError`` for an invalid count or time.
        """
        return self.lobby.reserve_in(room, count, valid_s, options)

    def _other_endpoints(self) -> dict[str, Endpoint]:
        """Return the endpoints beside the game's, by path."""
        return plain.plain_endpoints()

    def _assets(self) -> Assets:
        """Return the page, which may be the game's own; the browser client is always there too."""
        settings = self.settings
        if settings.page is None:
            return Assets(web_client())
        return Assets(web_client(), page_files(settings.page, (settings.key, settings.secret_file)))

    async def _refuse_version(self, ws: WebSocket, _peer: Peer) -> None:
        """Refuse a client of a former version with a close code that it knows."""
        self.counters.refusals[CloseCode.VERSION] += 1
        await ws.close(CloseCode.VERSION, VERSION_REFUSED)

    # ------------------------------------------------------------ certificates and secrets

    async def reload(self) -> None:
        """Read certificate, key and secrets again; if a file is unusable, its old values stay.

        Connections that are open keep the certificate that they were shown. The files are read
        in a thread: one on a dead network file system holds up nobody, not even the end.
        """
        files: list[Callable[[], Callable[[], None]]] = []
        if self.settings.secret_file is not None:
            files.append(self.lobby.sign_in.read_again)
        if self._certificate is not None:
            files.append(self._certificate.read_again)
        if not files:
            log.info("nothing to read again: there is no certificate and no file of secrets")
        for put_to_use in await read_beside(files):
            put_to_use()
        if self._certificate is not None:
            for acceptor in self._acceptors:
                if acceptor.ssl_context is not None:
                    acceptor.ssl_context = self._certificate.context

    # ------------------------------------------------------------ stopping

    @property
    def draining(self) -> bool:
        """Whether no room is made any more, because the server is about to stop."""
        return self._draining

    async def drain(self, within_s: float, prefer: Collection[str] = ()) -> int:
        """Make no room any more, and wait ``within_s`` at most until nobody plays.

        ``/readyz`` says 503 meanwhile.  Rooms go to other nodes of the host, first to those named
        in ``prefer``; returns how many went.  In the others, players come back to their seats, and
        more may join.  Returns at once where a drain is under way, or was.
        """
        if self._draining:
            return 0
        self._draining = True
        self.lobby.stop_making_rooms(DRAINING)
        if self.membership is not None:
            self.membership.draining = True
        log.info("draining", players=self.players, within_s=within_s)
        given = await self._give_rooms(prefer)
        again_s = trio.current_time() + GIVE_AGAIN_S
        with trio.move_on_after(within_s) as patience:
            while self.players:
                await trio.sleep(DRAIN_LOOK_S)
                if trio.current_time() >= again_s:  # a node may have been too busy before
                    given += await self._give_rooms(prefer)
                    again_s = trio.current_time() + GIVE_AGAIN_S
        in_time = not patience.cancelled_caught
        log.info("drained", rooms_given=given, players=self.players, in_time=in_time)
        return given

    async def _give_rooms(self, prefer: Collection[str]) -> int:
        return 0 if self._surroundings is None else await self._surroundings.give_rooms(prefer)

    def stop_draining(self) -> None:
        """Make rooms again: the server does not stop after all."""
        self._draining = False
        self.lobby.stop_making_rooms(None)
        if self.membership is not None:
            self.membership.draining = False

    async def stop(self) -> None:
        """Say bye to everyone with 1001, then stop the rooms; over within ``grace_s``.

        Until the end the ports answer, so that ``/readyz`` can say that nobody else should come.
        """
        self._ready = False
        self.lobby.stop_joining(GOING)
        if self.membership is not None:
            self.membership.draining = True
        log.info("stopping", players=self.players)
        with trio.move_on_after(self.settings.grace_s, shield=True) as grace:
            await self.lobby.durable.suspend()
            with trio.move_on_after(self.settings.grace_s * SESSIONS_SHARE_OF_GRACE):
                for session in list(self._sessions):
                    session.end(CloseCode.GOING_AWAY, GOING)
                while self._sessions:
                    self._no_session = trio.Event()
                    await self._no_session.wait()
            if self._left:  # answers under way
                await self._no_connection.wait()
            # Those that still wait for their peers have left their rooms.
            await self.lobby.close_all()
            if self.storage is not None:
                await self.storage.flush()
            if self.membership is not None and self.has_leases:
                await self.membership.leave()
        if grace.cancelled_caught:
            log.warning("the grace period is over; not everything had ended")

    async def close_storage(self) -> None:
        """Close the storage that ``open_storage`` opened."""
        if self.storage is not None:
            if self._kept is not None and self.has_leases:
                await self._kept.end_lease()
            await self.storage.aclose()

    # ------------------------------------------------------------ what it tells

    @property
    def players(self) -> int:
        """How many play now, in all rooms."""
        return sum(len(task.room.players) for _, task in self.lobby.rooms)

    def figures(self) -> ServerFigures:
        """Return everything that is counted, as of now; takes a while where there is much."""
        gathering = self._gathering()
        while True:
            try:
                next(gathering)
            except StopIteration as done:
                return cast("ServerFigures", done.value)

    def _gathering(self, *, tallied: bool = True) -> Generator[None, None, ServerFigures]:
        """Return everything that is counted; yields where other tasks may have their turn.

        A session that ends meanwhile is counted once: it is among those of the beginning, and
        not yet in the past of the beginning.
        """
        sessions, playing = self._past, list(self._sessions) if tallied else []
        for start in range(0, len(playing), SESSIONS_PER_TURN):
            portion = playing[start : start + SESSIONS_PER_TURN]
            sessions = total(sessions, [session.tally() for session in portion])
            yield
        kinds = {}
        for kind in self.lobby.kinds:
            kinds[kind] = yield from kind_figures(self.lobby, kind)
        return ServerFigures(
            connections=sum(acceptor.statistics().open_connections for acceptor in self._acceptors),
            tasks=trio.lowlevel.current_statistics().tasks_living,
            full_collections=self.gc_policy.full_collections,
            full_collections_s=self.gc_policy.full_collections_s,
            loop=self.lobby.loop_figures(),
            acceptor={
                name: sum(getattr(acceptor.statistics(), name) for acceptor in self._acceptors)
                for name in ACCEPTOR_COUNTS
            },
            turned_away=self._turned_away(),
            malformed_forwards=self.connection_limits.malformed_forwards,
            tokens_refused={fault.value: self.lobby.sign_in.refused[fault] for fault in Fault},
            held=len(self.lobby.hold_quota),
            holds_refused=self.lobby.hold_quota.refused,
            resumptions={s.value: self.lobby.resumption.counts[s] for s in Showing},
            sessions=sessions,
            counters=self.counters,
            storage=None if self.storage is None else self.storage.figures(),
            kinds=kinds,
            penalties=self.lobby.moderation.counts(),
        )

    def _turned_away(self) -> dict[str, int]:
        """Return how many were turned away, by reason; all reasons, so that graphs begin at 0."""
        counts = self.connection_limits.turned_away + self.lobby.quota.refused
        counts[Reason.OVERLOAD] += self.lobby.overload_refusals
        return {reason.value: counts[reason] for reason in Reason}

    def own_rooms(self, query: str) -> Response:
        """Answer ``/rooms`` for the rooms of this process."""
        return self._room_list.respond(query, trio.current_time())

    async def _all_rooms(self, query: str) -> Response:
        """Answer ``/rooms`` for all servers that players of this one may be sent to."""
        if self.membership is None:
            return await self._rooms_of_host(query)
        if self._cluster_rooms is None:
            self._cluster_rooms = ClusterRooms(self.membership, self._rooms_of_host)
        return await self._cluster_rooms.respond(query)

    async def _rooms_of_host(self, query: str) -> Response:
        if self._surroundings is None:
            return self.own_rooms(query)
        return await self._surroundings.rooms(query)

    def _make_site(self) -> Site:
        return Site(
            routes={
                "/healthz": lambda _query: text_response(200, "ok"),
                "/readyz": self._readiness,
                METRICS_PATH: lambda _query: Response(200, CONTENT_TYPE, self._exposition),
                LOAD_PATH: self._load,
                "/rooms": self.own_rooms,
                "/kinds": lambda _query: Response(
                    200, BINARY, kind_list(self.lobby.classes_by_kind)
                ),
            },
            assets=self._assets(),
            gather={METRICS_PATH: self._gather_metrics},
            posts=ReservationApi(self.settings, self.lobby, lambda: self.membership).posts,
            awaited={"/rooms": self._all_rooms},
        )

    def _load(self, _query: str) -> Response:
        """Answer ``/metrics/rooms``, which ``gameserver top`` shows."""
        tasks = [task for _, task in self.lobby.rooms]
        return load_list(tasks, self.lobby.slow_ticks, self.lobby.core, trio.current_time())

    async def _gather_metrics(self) -> None:
        """Make the exposition, at most once a second, so that no tick waits for it."""
        async with self._gathering_metrics:
            if trio.current_time() - self._exposed_s < METRICS_LIFE_S:
                return
            if self._surroundings is not None:
                self._exposition = await self._surroundings.metrics()
            else:
                self._exposition = exposition(await self.gather_figures())
            self._exposed_s = trio.current_time()

    async def gather_figures(self, *, tallied: bool = True) -> ServerFigures:
        """Return everything that is counted; other tasks have their turn meanwhile.

        Adding up the counts of all sessions is most of the work; without ``tallied`` those that
        play are left out.
        """
        return await _in_portions(self._gathering(tallied=tallied))

    def _readiness(self, _query: str) -> Response:
        if self._ready and not self._draining:
            return text_response(200, "ready")
        return text_response(503, "not ready")


async def _in_portions(gathering: Generator[None, None, ServerFigures]) -> ServerFigures:
    """Return what ``gathering`` returns; the other tasks have their turn wherever it yields."""
    while True:
        try:
            next(gathering)
        except StopIteration as done:
            return cast("ServerFigures", done.value)
        await trio.lowlevel.checkpoint()
