"""One node of a host: its place among the other processes of the same server.

Owns the connection to the supervisor (made again when another supervisor takes over), the socket
for other nodes, and the listing in the directory.  Never runs a room: the server of the node does,
and knows its surroundings only by ``runtime/surroundings.py``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socket
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.cluster import unix_socket
from gameserver.cluster.calls import (
    MAX_MESSAGE_BYTES,
    Call,
    Caller,
    CallFailed,
    CallRefused,
    Operation,
    answer_calls,
)
from gameserver.cluster.cluster_routing import ClusterRouting
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.cluster.directory.contract import RENEW_EVERY_S
from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.listings import NodeListing
from gameserver.cluster.directory_calls import CalledDirectory
from gameserver.cluster.host_answers import HostAnswers
from gameserver.cluster.host_folder import HostFolder
from gameserver.cluster.host_sockets import HostSockets
from gameserver.cluster.node_routing import NodeRouting
from gameserver.cluster.peers import Peers
from gameserver.cluster.room_handovers import OPERATION, RoomHandovers
from gameserver.cluster.shared_counts import SharedCounts
from gameserver.cluster.unix_socket import UnixSocketError
from gameserver.errors import GameServerError, JoinRefused
from gameserver.ops.metrics import families_of
from gameserver.ops.node_metrics import (
    Counts,
    counts_from_plain,
    counts_in,
    counts_to_plain,
    families_to_plain,
    merged_exposition,
)
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import VERSION, Hello
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.http.messages import Response
from gameserver.runtime.membership.listing import LoadMeter, list_rooms
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.party import Party, Seats
from gameserver.runtime.server import Server
from gameserver.runtime.sessions.routing import (
    Elsewhere,
    Expected,
    HasFileno,
    Here,
    Routed,
    Router,
)

log = structlog.get_logger(__name__)

#: The pause between two tries to reach a supervisor.
RECONNECT_S: Final = 0.2
#: The shortest time between two renewals, and the largest share of a node's time that renewals may
#: take: the renewal of thousands of rooms is slow.
SHORTEST_RENEWAL_S: Final = 0.02
RENEWAL_SHARE: Final = 1 / 20
#: How long a node waits until another one has taken a connection; an overloaded one takes it late.
PASSED_WITHIN_S: Final = 20.0
HOST_DIGITS: Final = 16
#: Clients that were sent here with a ticket.  Overflow policy ``drop-oldest``: the ticket of a
#: dropped client is not accepted.
MAX_EXPECTED: Final = 10_000
EXPECTED_FOR_S: Final = 30.0


class NoSupervisor(GameServerError):
    """A node was started without a supervisor."""


@attrs.frozen
class _Guest:
    """A client that comes with a ticket, until a time of Trio's clock."""

    expected: Expected
    until_s: float


class Node(Router):
    """The surroundings of the server with this ``index`` on a host."""

    def __init__(self, folder: HostFolder, index: int) -> None:
        self._folder = folder
        self.index: Final = index
        self.name: Final = f"n{index}"
        #: Names this run of the process in the directory.
        self.run_name: Final = f"{self.name}-{os.getpid()}-{secrets.token_hex(4)}"
        self.sockets = HostSockets()
        self._secret: str | None = None
        self._caller: Caller | None = None
        self._directory = CalledDirectory(lambda: self._caller)
        self._server: Server | None = None
        self._routing: NodeRouting | None = None
        #: Decides instead where a directory of several hosts lists this node.
        self._cluster: ClusterRouting | None = None
        self._load: LoadMeter | None = None
        self._peers: Peers | None = None
        #: The counts of nodes that have ended, for the time when the supervisor is away.
        self._past_counts: Counts = {}
        self._counts: SharedCounts | None = None
        self._renew_now = trio.Event()
        self._guests: OrderedDict[str, _Guest] = OrderedDict()
        self._leaving = False
        #: The operations that other nodes may call here, by name.
        self._operations: dict[str, Operation] = {}

    # ------------------------------------------------------------ the supervisor

    async def join(self, nursery: trio.Nursery) -> None:
        """Register with the supervisor and take the sockets that all nodes share.

        ``NoSupervisor`` if there is none.  ``nursery`` keeps up the connection from then on.
        """
        try:
            await self._connect(nursery)
        except (UnixSocketError, CallFailed, CallRefused) as error:
            raise NoSupervisor(f"{self.name} cannot join its supervisor: {error}") from error
        self._peers = Peers(self._folder, nursery)
        await nursery.start(self._serve_peers)

    async def _connect(self, nursery: trio.Nursery) -> None:
        sock = unix_socket.connect(self._folder.supervisor)
        caller = Caller(DescriptorChannel(sock, max_body_bytes=MAX_MESSAGE_BYTES))
        ended = trio.Event()

        async def run() -> None:
            await caller.run()
            ended.set()
            self._caller = None
            nursery.start_soon(self._reconnect, nursery)

        nursery.start_soon(run)
        roles, descriptors = self.sockets.to_message()
        serves = self._server is not None and self._server.ready
        arguments = (self.index, self.run_name, roles, self._secret, serves)
        with await caller.receive("register", *arguments, descriptors=descriptors) as answer:
            self._secret, given = answer.body
            self.sockets.adopt(HostSockets.take(given, answer))
        if not ended.is_set():
            self._caller = caller
        self.wake_renewal()

    async def _reconnect(self, nursery: trio.Nursery) -> None:
        log.warning("the supervisor is gone; the node goes on")
        while self._caller is None:
            await trio.sleep(RECONNECT_S)
            try:
                await self._connect(nursery)
            except (UnixSocketError, CallFailed):
                continue
            except CallRefused as error:
                log.warning("a supervisor does not want this node", reason=str(error))
                return
            log.info("another supervisor has taken over")
            return

    async def tell_ready(self, lines: Sequence[str]) -> None:
        """Tell the supervisor that this node serves; ``lines`` are for its terminal."""
        if self._caller is not None:
            # Where this fails, the next supervisor hears of it from ``register``.
            with contextlib.suppress(CallFailed, CallRefused):
                await self._caller.call("ready", self.index, list(lines))

    # ------------------------------------------------------------ surroundings of the server

    @property
    def host(self) -> tuple[str, int]:
        """The name of this host, the same for all of its nodes, and the number of this node."""
        assert self._secret is not None, "join comes first"
        return hashlib.sha256(self._secret.encode()).hexdigest()[:HOST_DIGITS], self.index

    @property
    def router(self) -> Router:
        """Decides on which node a client plays."""
        return self

    @property
    def plain_listeners(self) -> Sequence[socket.socket]:
        """The sockets of the port that all nodes share."""
        return self.sockets.plain

    @property
    def tls_listeners(self) -> Sequence[socket.socket]:
        """The sockets of the TLS port that all nodes share."""
        return self.sockets.tls

    @property
    def own_tls_listeners(self) -> Sequence[socket.socket]:
        """The sockets of the TLS port of this node alone."""
        return self.sockets.own_tls.get(self.index, [])

    @property
    def lock(self) -> int | None:
        """A descriptor of the data folder's lock, for the server to close."""
        return None if self.sockets.lock is None else os.dup(self.sockets.lock.fileno())

    def attend(self, server: Server) -> None:
        """Note the server that runs here, before it takes connections."""
        self._server = server
        server.connection_limits.host = self._shared_counts(server)
        assert self._secret is not None, "join comes first"
        server.lobby.reservations.share(self._secret)
        server.lobby.sign_in.share(self._secret)
        if server.membership is not None and server.lobby.router is not None:
            # The directory of all hosts lists this node, and decides instead of the host's.
            self._cluster = ClusterRouting(
                server.membership, server.lobby.router, server.lobby, server.settings
            )
            return
        server.lobby.host_rooms = self
        server.lobby.siblings = self
        server.lobby.sign_in.use_in_cluster = self._use_token
        self._load = LoadMeter(server.lobby)
        self._routing = NodeRouting(self._directory, server.lobby, self.run_name, self.wake_renewal)

    def _shared_counts(self, server: Server) -> SharedCounts:
        assert self.sockets.counts is not None, "the supervisor gives it"
        assert self._secret is not None, "join comes first"
        descriptor = os.dup(self.sockets.counts.fileno())
        counts = SharedCounts(descriptor, self.index, server.settings.nodes, self._secret)
        counts.clear(self.index)  # of an earlier process of this number
        self._counts = counts
        return counts

    def close(self) -> None:
        """Close what this process has of the shared sockets and memory; the server has ended."""
        self.sockets.close()
        if self._counts is not None:
            self._counts.close()

    @property
    def handovers(self) -> RoomHandovers:
        """The rooms on their way from and to this node."""
        assert self._server is not None, "attend comes first"
        assert self._peers is not None, "join comes first"
        return RoomHandovers(self._server, self._places, self._peers)

    @property
    def _places(self) -> NodeRouting | ClusterRouting:
        places = self._cluster or self._routing
        assert places is not None, "attend comes first"
        return places

    async def give_rooms(self, prefer: Collection[str]) -> int:
        """Hand rooms over to other nodes of this host, and return how many; none is made here."""
        self._places.drain(drains=True)
        self.wake_renewal()
        return await self.handovers.give_all(prefer)

    async def _use_token(self, token_id: str, valid_s: float) -> bool:
        """Use a sign-in token up on the whole host; False if it was used before on any node.

        While the supervisor is away, each node knows only what was used there.
        """
        try:
            return await self._directory.use_once(f"token:{token_id}", self.run_name, valid_s)
        except DirectoryError:
            return True

    # ------------------------------------------------------------ rooms of this node

    @property
    def answers(self) -> HostAnswers:
        """The answers of all nodes of the host."""
        assert self._peers is not None, "join comes first"
        return HostAnswers(self._folder, self._peers)

    @property
    def _fences(self) -> dict[str, int]:
        assert self._routing is not None, "attend comes first"
        return self._routing.fences

    def may_make(self, label: str) -> bool:
        """Whether this node has the claim to a room, or gave it a name of its own."""
        return label in self._fences or label.partition("/")[2].startswith(f"{self.index}-")

    def new_name(self) -> str:
        """Return a name that no other node gives to a room."""
        return f"{self.index}-{secrets.token_hex(4)}"

    def opened(self, _label: str) -> None:
        """Note that a room has opened; the next listing contains it."""
        self.wake_renewal()

    def ended(self, label: str) -> None:
        """Release the claim to a room that has ended, so any node may make it again."""
        self.wake_renewal()  # which leaves out what is not open
        fence = self._fences.pop(label, None)
        if fence is not None and self._peers is not None:
            self._peers.nursery.start_soon(self._release, label, fence)

    async def _release(self, label: str, fence: int) -> None:
        try:
            await self._directory.release(self.run_name, label, fence)
        except DirectoryError as error:
            log.info("a room could not be released; its lease ends", room=label, why=str(error))

    # ------------------------------------------------------------ the directory

    def wake_renewal(self) -> None:
        """Renew the listing soon."""
        self._renew_now.set()

    async def run_listing(self) -> None:
        """List this node and its rooms until cancelled, then leave the directory."""
        if self._cluster is not None:
            return
        try:
            while True:
                started_s = trio.current_time()
                self._renew_now = trio.Event()
                try:
                    await self._renew()
                except DirectoryError as error:
                    log.debug("the listing could not be renewed", why=str(error))
                took_s = trio.current_time() - started_s
                with trio.move_on_after(RENEW_EVERY_S):
                    await trio.sleep(max(SHORTEST_RENEWAL_S, took_s / RENEWAL_SHARE))
                    await self._renew_now.wait()
        finally:
            self._leaving = True
            # Where this fails, the supervisor sees that the process ends.
            with trio.move_on_after(1, shield=True), contextlib.suppress(DirectoryError):
                await self._directory.leave(self.run_name)

    async def _renew(self) -> None:
        server, load = self._server, self._load
        assert server is not None
        assert load is not None
        listing = NodeListing(
            node=self.run_name,
            host="",
            url=self._secure_url(),
            name=self.name,
            protocol=VERSION,
            kinds={
                kind: str(room.schema().hash)
                for kind, room in zip(server.lobby.kinds, server.lobby.classes, strict=True)
            },
            draining=not server.ready or server.draining or self._leaving,
            load=load.measure(),
        )
        await self._claim_unclaimed(listing)
        rooms = await list_rooms(server.lobby, self._fences.get)
        renewal = await self._directory.renew(listing, rooms)
        for label in renewal.lost:
            log.error("another node has a room of this name, too", room=label)

    async def _claim_unclaimed(self, listing: NodeListing) -> None:
        """Claim the rooms that were made without asking: recovered ones, and those of moves."""
        assert self._server is not None
        unclaimed = [
            room.task.label
            for room in self._server.lobby.open_rooms
            if room.task.label not in self._fences
        ]
        if unclaimed and await self._directory.node(self.run_name) is None:
            await self._directory.renew(listing, [])
        for label in unclaimed:
            claim = await self._directory.claim(self.run_name, label)
            if claim.owner.node == self.run_name:
                self._fences[label] = claim.fence
            else:
                log.error("another node has a room of this name, too", room=label)

    def _secure_url(self) -> str:
        own = self.own_tls_listeners
        return f"wss://:{own[0].getsockname()[1]}" if own else ""

    # ------------------------------------------------------------ routing

    def is_here(self, label: str) -> bool:
        """Whether a room plays on this node, or may be made here."""
        if self._cluster is not None:
            return self._cluster.is_here(label)
        return self.may_make(label) or self._places.is_here(label)

    async def place(self, request: JoinRequest, hello: Hello, routed: Routed) -> Here | Elsewhere:
        """Return where the client plays; ``JoinRefused`` if that is nowhere for now."""
        assert self._server is not None
        if routed.label is None and request.name is None and hello.ticket is not None:
            reserved = self._server.lobby.reservations.room_of(hello.ticket)
            routed = attrs.evolve(routed, label=reserved)
        if self._cluster is not None:
            return await self._cluster.place(request, routed, hello)
        assert self._routing is not None, "attend comes first"
        return await self._routing.place(request, routed)

    async def reserve(self, party: Party, avoided: Collection[str] = ()) -> Seats:
        """Reserve seats on the best node of the host; ``JoinRefused`` if there are none."""
        assert self._routing is not None, "attend comes first"
        assert self._server is not None
        assert self._peers is not None, "join comes first"
        lobby = self._server.lobby
        request = lobby.request(party.room, party.options, party.filters)
        routed = Routed(refused_by=tuple(avoided))
        place = await self._routing.place(request, routed, len(party.guests))
        party = attrs.evolve(party, room=place.label)
        if isinstance(place, Here):
            return lobby.reserve_party(party)
        try:
            answer = await self._peers.call(place.index, "reserve", party.to_plain())
        except (CallRefused, CallFailed) as error:
            log.info("another node reserves no seats", node=place.index, why=str(error))
            raise _no_answer() from error
        return _seats(answer)

    async def pass_on(
        self, there: Elsewhere, link: HasFileno, frozen: FrozenConnection, routed: Routed
    ) -> bool:
        """Pass a frozen connection to another node; False if this node still has it."""
        assert self._peers is not None, "join comes first"
        try:
            await self._peers.call(
                there.index,
                "adopt",
                frozen.to_plain(),
                _plain(routed),
                descriptors=[link],
                within_s=PASSED_WITHIN_S,
            )
        except CallRefused as error:
            log.info("another node does not take a connection", node=there.index, why=str(error))
            return False
        except CallFailed as error:
            if error.unsent:
                log.info("another node cannot be reached", node=there.index, why=str(error))
                await trio.sleep(RECONNECT_S)
                return False
            # It may have the connection, and two must never have it.
            log.warning("another node did not say that it has a connection", node=there.index)
        return True

    async def announce(self, there: Elsewhere, expected: Expected) -> str | None:
        """Tell another node of a client that will connect there; return the ticket for it."""
        assert self._peers is not None, "join comes first"
        try:
            ticket: str = await self._peers.call(
                there.index, "expect", expected.hello, _plain(expected.routed)
            )
        except (CallRefused, CallFailed) as error:
            log.info("another node does not expect a client", node=there.index, why=str(error))
            await trio.sleep(RECONNECT_S)
            return None
        return ticket

    def take_expected(self, ticket: str) -> Expected | None:
        """Return the client of a ticket of ``announce``, once; None if the ticket is no such."""
        guest = self._guests.pop(ticket, None)
        if guest is None or trio.current_time() > guest.until_s:
            return None
        return guest.expected

    # ------------------------------------------------------------ what other nodes call

    async def _serve_peers(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        listener = unix_socket.bind(self._folder.node(self.index))
        self._operations |= {
            "adopt": self._adopt,
            "expect": self._expect,
            "reserve": self._reserve,
            "rooms": self._own_rooms,
            "metrics": self._own_metrics,
            OPERATION: self._take_room,
            "drain": self._drain,
            "go_on": self._go_on,
        }
        with trio.socket.from_stdlib_socket(listener) as accepting:
            async with trio.open_nursery() as nursery:
                task_status.started()
                while True:
                    connection = await unix_socket.accept(accepting)
                    channel = DescriptorChannel(connection, max_body_bytes=MAX_MESSAGE_BYTES)
                    if channel.peer().trusted:
                        nursery.start_soon(answer_calls, channel, self._operations)
                    else:
                        channel.close()

    def answer_also(self, name: str, operation: Operation) -> None:
        """Let other nodes call another operation here."""
        self._operations[name] = operation

    def _serving(self) -> Server:
        if self._server is None or not self._server.ready or self._leaving:
            raise GameServerError(f"{self.name} takes no players now")
        return self._server

    async def _adopt(self, call: Call) -> None:
        server = self._serving()
        frozen, routed = call.arguments
        connection, came = FrozenConnection.from_plain(frozen), _routed(routed)
        server.adopt(call.received.take_socket(), connection, came)

    async def _take_room(self, call: Call) -> None:
        self._serving()
        await self.handovers.take(call)

    async def _drain(self, call: Call) -> list[int]:
        server = self._serving()
        within_s, prefer = call.arguments
        return [await server.drain(within_s, prefer), server.players]

    async def _go_on(self, _call: Call) -> None:
        self._serving().stop_draining()
        self._places.drain(drains=False)
        self.wake_renewal()

    async def _expect(self, call: Call) -> str:
        self._serving()
        hello, routed = call.arguments
        ticket = secrets.token_urlsafe(24)
        until_s = trio.current_time() + EXPECTED_FOR_S
        self._guests[ticket] = _Guest(Expected(hello, _routed(routed)), until_s)
        if len(self._guests) > MAX_EXPECTED:
            self._guests.popitem(last=False)
        return ticket

    async def _reserve(self, call: Call) -> list[Any]:
        """Reserve seats in a room of this node, which another node has chosen."""
        lobby = self._serving().lobby
        assert self._routing is not None, "attend comes first"
        party = Party.from_plain(*call.arguments)
        request = lobby.request(party.room, party.options, party.filters)
        try:
            place = await self._routing.place(request, Routed(label=party.room, hops=1))
            if not isinstance(place, Here):
                raise _no_answer()
            seats = lobby.reserve_party(party)
        except JoinRefused as refusal:
            return ["refused", refusal.code, refusal.reason, refusal.retry_after_s]
        return ["reserved", seats.label, list(seats.tickets)]

    # ------------------------------------------------------------ answers for the whole host

    async def _own_rooms(self, call: Call) -> Any:
        assert self._server is not None
        return json.loads(self._server.own_rooms(*call.arguments).body)

    async def _own_metrics(self, _call: Call) -> list[Any]:
        assert self._server is not None
        return families_to_plain(families_of(await self._server.gather_figures()))

    async def rooms(self, query: str) -> Response:
        """Answer ``/rooms`` for all nodes."""
        return await self.answers.rooms(query)

    async def metrics(self) -> bytes:
        """Return the metrics of all nodes; the supervisor keeps the counts of those that ended."""
        nodes = await self.answers.ask_all("metrics", lambda _: [])
        by_name = {f"n{index}": families for index, families in nodes.items()}
        counts = {name: counts_to_plain(counts_in(families)) for name, families in by_name.items()}
        if self._caller is not None:
            with contextlib.suppress(CallFailed, CallRefused):
                known = counts_to_plain(self._past_counts)
                past = await self._caller.call("counts", counts, known)
                self._past_counts = counts_from_plain(past)
        return merged_exposition(by_name, self._past_counts)


def _no_answer() -> JoinRefused:
    return JoinRefused(
        CloseCode.ROOM_FULL, "the node with this room does not answer", retry_after_s=RECONNECT_S
    )


def _seats(answer: Any) -> Seats:
    """Return the seats in the answer of another node, or raise its ``JoinRefused``."""
    match answer:
        case ["reserved", str(label), list(tickets)]:
            return Seats(label, tuple(tickets))
        case ["refused", int(code), str(reason), (float() | int() | None) as retry_after_s]:
            raise JoinRefused(code, reason, retry_after_s=retry_after_s)
    raise _no_answer()


def _plain(routed: Routed) -> list[Any]:
    return [routed.label, list(routed.refused_by), routed.hops, routed.used_token]


def _routed(plain: Any) -> Routed:
    match plain:
        case [
            str() | None as label,
            list(refused_by),
            int(hops),
            str() | None as used_token,
        ]:
            return Routed(
                label=label, refused_by=tuple(refused_by), hops=hops, used_token=used_token
            )
    raise GameServerError(
        "another node passes a connection in a way that this version does not know"
    )
