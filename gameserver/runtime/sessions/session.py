"""The task of one connection: hello, join, play, leave, and every way in which that can end.

Owns the conversation of one connection and its deadlines.  Touches the game only through the room's
task and roster.  Nothing that one client sends reaches another session.

A session that reads from a client never waits until that client reads.  Answers of the play loop
are posted, or go with the next delta, so a client with a slow link can always answer pings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Coroutine
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.config import Settings
from gameserver.errors import JoinRefused, RemoteProtocolError
from gameserver.identity import Verified
from gameserver.joining import Joining
from gameserver.ops.logging import escaped
from gameserver.ops.metrics import Counters, Tally, less, total
from gameserver.protocol.closing import (
    CONNECTION_LOST,
    NO_STATUS,
    ClientAction,
    CloseCode,
    action_for,
    close_reason,
)
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.latency import Latency
from gameserver.protocol.messages import (
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_SAY_LENGTH,
    VERSION,
    Bye,
    ClientMessage,
    Hello,
    Moved,
    Welcome,
    decode_from_client,
    valid_name,
)
from gameserver.room import Room
from gameserver.runtime.admission.connection_limits import Peer
from gameserver.runtime.http.acceptor import FLOOD
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.membership.tickets import MoveTicket
from gameserver.runtime.net.heartbeat import Beat
from gameserver.runtime.net.websocket import State, WebSocket, WebSocketClosed
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import Member
from gameserver.runtime.sessions.frozen_session import FrozenPlay
from gameserver.runtime.sessions.reception import MessageCount, Reception, SessionOver
from gameserver.runtime.sessions.routing import Elsewhere, Expected, Routed, Router
from gameserver.simulation.inputs import LENGTH_TICKS
from gameserver.simulation.matchable import options_of
from gameserver.simulation.stepper import Seated

log = structlog.get_logger(__name__)

#: Deadline of ``on_auth``, and of a new room's ``on_start`` before it.  If several rooms refuse the
#: player, it is the deadline of all of them together.
AUTH_TIMEOUT_S: Final = 10.0
#: Rooms that may refuse a player who named no room; after that the player gets a new room.
MAX_ROOMS_TRIED: Final = 4
#: Deadlines of the peer to take a welcome that could not be posted, and to take a bye.
WELCOME_TIMEOUT_S: Final = 10.0
BYE_TIMEOUT_S: Final = 2.0
#: The reason that game and log get where neither side gave one.
LOST: Final = "connection lost"
VERSION_REFUSED: Final = f"this server speaks version {VERSION} of the protocol"
#: A connection that no other node has passed on.
FROM_CLIENT: Final = Routed()
#: Close codes by which a room refuses a client that another room may take.
ROOM_CODES: Final = frozenset({CloseCode.ROOM_FULL, CloseCode.ROOM_CLOSED, CloseCode.REFUSED})
#: Close codes that a game's ``JoinRefused`` may carry (RFC 6455, 7.4.2: private use).
GAME_CODES: Final = range(4000, 5000)


@attrs.frozen
class Ending:
    """Why a session ended.  ``by_peer``: its peer sent a close frame, with any code it likes."""

    code: int
    reason: str
    by_peer: bool = False
    retry_after_s: float | None = None


class _PassedOn(Exception):
    """Another node goes on with the connection; this process has closed its copy of the socket."""


class _NoTurn(JoinRefused):
    """Too many clients join right now, whichever room they ask for."""


class _RefusedByGame(JoinRefused):
    """The game's ``on_auth`` does not let the player into this room."""


class Session:
    """One game connection, from its WebSocket to its close frame."""

    def __init__(
        self,
        ws: WebSocket,
        peer: Peer,
        lobby: Lobby,
        settings: Settings,
        counters: Counters,
        router: Router | None = None,
        routed: Routed = FROM_CLIENT,
    ) -> None:
        self._ws = ws
        self._router = router
        self._routed = routed
        self._lobby = lobby
        self._settings = settings
        self._counters = counters
        #: The hello, from its arrival until the client has a seat.
        self._hello_data: bytes | None = None
        #: A token that was used up for a client which has no seat yet.
        self._used: Verified | None = None
        #: Whether another process goes on with the connection.
        self._abandoned = False
        self._greeted = False
        self._seated: Seated | None = None
        #: The player, once it plays, and what takes its messages; both change with the room's code.
        self._member: Member | None = None
        self._reception: Reception | None = None
        self._beat: Beat | None = None
        #: The room that the player moves to; its client is told at the end.
        self._moved: Moved | None = None
        #: The counts of the player that earlier sessions have reported already.
        self._counted_before = Tally()
        #: The counts of the player when this session ended; another session may continue them.
        self._played: Tally | None = None
        self._scope = trio.CancelScope()
        self._ending: Ending | None = None
        self._count_of_messages = MessageCount(counters)
        ws.on_flood(self._end_flood)
        self._peer = peer
        self._log = log.bind(peer=peer.name)

    def end(self, code: int, reason: str) -> None:
        """End this session now, from any task; the first call decides code and reason."""
        if self._ending is None:
            self._ending = Ending(code, reason)
            # At once: the player may continue over another connection before this task runs again.
            self._ws.off_message()
            self._scope.cancel()

    def _end_flood(self) -> None:
        self.end(CloseCode.RATE, FLOOD)

    def tally(self) -> Tally:
        """Return what this session has counted so far."""
        link = self._ws.link
        of_link = Tally(link.bytes_in, link.bytes_out, link.posts_refused)
        if self._seated is None:
            return of_link
        played = self._played or less(_tally_of(self._seated), self._counted_before)
        return total(of_link, [played])

    async def run(self) -> None:
        """Run the session to its end, then send bye and close, each with a deadline."""
        await self._run(self._join_and_play())

    async def _run(self, work: Coroutine[Any, Any, Ending]) -> None:
        ending = Ending(CloseCode.INTERNAL_ERROR, "internal error")
        with self._scope:
            try:
                ending = await self._until_closed(work)
            except _PassedOn:
                self._counters.passed_on += 1
                self._log.debug("passed on", room=self._routed.label)
                return
        if self._abandoned:
            return
        ending = self._ending or ending
        self._count(ending)
        self._log.info(
            "session ended",
            code=int(ending.code),
            reason=escaped(ending.reason),
            by_peer=ending.by_peer,
        )
        if self._ws.state is State.OPEN:
            await self._say_bye(ending)

    def _count(self, ending: Ending) -> None:
        """Count an end by our close code; those of peers are counted as normal or lost only."""
        code = ending.code
        if ending.by_peer:
            code = (
                CloseCode.NORMAL
                if code in (CloseCode.NORMAL, CloseCode.GOING_AWAY)
                else CONNECTION_LOST
            )
        joined = self._seated is not None
        (self._counters.endings if joined else self._counters.refusals)[code] += 1

    # ------------------------------------------------------------ from process to process

    def freeze(self) -> tuple[FrozenConnection, FrozenPlay | None] | None:
        """Stop reading and writing, and return the session for another process.

        Without a ``FrozenPlay`` the client has no seat yet: its hello is among the received bytes,
        so the other process lets it join from the beginning.  None if the session must stay here
        because it ends, or because its connection cannot be frozen.  ``thaw`` undoes it.
        """
        if self._ending is not None:
            return None
        member, reception, beat = self._member, self._reception, self._beat
        if self._seated is not None and (member is None or reception is None or beat is None):
            return None  # it has played, or the welcome is not sent yet
        frozen = self._ws.freeze([] if self._hello_data is None else [self._hello_data])
        if frozen is None:
            return None
        now_s = trio.current_time()
        if self._used is not None:
            self._lobby.sign_in.forget(self._used)
        connection = FrozenConnection(frozen, self._peer.freeze(now_s))
        if member is None or reception is None or beat is None:
            return connection, None
        return connection, FrozenPlay(
            member.label,
            member.player.seat,
            beat.freeze(now_s),
            reception.allowances_left(now_s),
            reception.reads_in_flight,
        )

    def thaw(self) -> None:
        """Go on here after all."""
        if self._used is not None:
            self._lobby.sign_in.use(self._used)
        self._ws.thaw()
        if self._member is not None and self._beat is not None:
            self._read(self._lobby.task_of(self._member), self._beat)

    def thaw_to_end(self, code: int, reason: str) -> None:
        """Go on here only to end: the player goes on in another process, where its seat is held."""
        self._ws.thaw()
        self.end(code, reason)

    @property
    def descriptor(self) -> int:
        """The descriptor of the socket."""
        return self._ws.link.fileno()

    def abandon(self) -> None:
        """End without a word: another process goes on with the connection."""
        self._abandoned = True
        self._ws.drop()
        self._scope.cancel()

    def go_on(self, task: RoomTask, member: Member, frozen: FrozenPlay, began_s: float) -> None:
        """Play on with a player of another process; ``run_on`` must follow."""
        self._greeted = True
        self._seated = member.seated
        self._counted_before = _tally_of(member.seated)
        self._log = self._log.bind(room=task.label, player=escaped(member.player.name))
        member.roster.continue_over(member, self._ws.link, self.end)
        self._member = member
        self._begin_play(task, member, frozen, began_s)

    async def run_on(self) -> None:
        """Run a session that plays on to its end, as ``run`` does."""
        assert self._member is not None, "go_on comes first"
        # The fast path works already.  The first ticks are late, so they come before the slow one.
        await self._lobby.task_of(self._member).ready.wait()
        await self._lobby.join_throttle.wait_turn()
        await self._ws.begin()
        await self._run(self._play_on())

    async def _play_on(self) -> Ending:
        member = self._member
        assert member is not None, "go_on comes first"
        return await self._until_over(member, self._until_played(self._lobby.task_of(member)))

    # ------------------------------------------------------------ how it ends

    async def _until_closed(self, work: Awaitable[Ending]) -> Ending:
        """Await ``work``, and return how it ended: by its result or by an exception."""
        try:
            return await work
        except SessionOver as over:
            return Ending(over.code, over.reason)
        except RemoteProtocolError as error:
            return Ending(CloseCode.PROTOCOL_ERROR, str(error))
        except JoinRefused as refusal:
            return Ending(refusal.code, refusal.reason, retry_after_s=refusal.retry_after_s)
        except WebSocketClosed as closed:
            return self._found_closed(closed)

    @staticmethod
    def _found_closed(closed: WebSocketClosed) -> Ending:
        """Return the ending of a WebSocket closed by the peer, by us, or by neither (1006)."""
        if closed.by_peer:
            return Ending(closed.code, "left" if closed.code < 1002 else LOST, by_peer=True)
        return Ending(closed.code, closed.reason or LOST)

    # ------------------------------------------------------------ joining

    async def _join_and_play(self) -> Ending:
        hello, data = await self._hello()
        await self._lobby.join_throttle.wait_turn()
        await self._lobby.until_thawed()
        if self._router is not None:
            return await self._join_on_host(hello, data, self._router)
        task, member, resumed = await self._join_here(hello, self._checked_request(hello))
        return await self._stay(task, member, resumed=resumed)

    async def _join_on_host(self, hello: Hello, data: bytes, router: Router) -> Ending:
        """Join on the node that ``router`` chooses, or have it take the connection.

        A client that named no room gets another one if the chosen one refuses it.
        """
        newcomer = False
        if hello.ticket is not None and (expected := router.take_expected(hello.ticket)):
            hello, data, self._routed = _hello_of(expected), expected.hello, expected.routed
            newcomer = True
        request = self._checked_request(hello)
        if request.name is None and self._routed.label is None:
            # Whoever comes back asks for its room, which may be on no node for now.
            label = self._lobby.resumption.label_of(hello.resume)
            if label is not None and label.partition("/")[0] == request.kind:
                self._routed = attrs.evolve(self._routed, label=label)
        while True:
            place = await router.place(request, hello, self._routed)
            self._routed = attrs.evolve(self._routed, label=place.label)
            if isinstance(place, Elsewhere):
                await self._send_elsewhere(place, data, router)
                continue  # that node is gone
            there = attrs.evolve(request, name=place.label.partition("/")[2])
            try:
                task, member, resumed = await self._join_here(hello, there)
            except JoinRefused as refusal:
                may_try = request.name is None and hello.ticket is None
                refused_by = (*self._routed.refused_by, place.label)
                if not (may_try and _is_of_room(refusal)) or len(refused_by) > MAX_ROOMS_TRIED:
                    raise
                self._routed = attrs.evolve(self._routed, label=None, refused_by=refused_by)
            else:
                return await self._stay(task, member, resumed=resumed and not newcomer)

    async def _send_elsewhere(self, there: Elsewhere, data: bytes, router: Router) -> None:
        """Give the connection to another node, or its client the way there; return if neither is.

        Raises to end this session where the other node goes on.
        """
        routed = self._routed = attrs.evolve(self._routed, hops=self._routed.hops + 1)
        if self._ws.link.encrypted:
            if there.secure_port is None:
                raise SessionOver(CloseCode.GOING_AWAY, "this room is on a node without TLS")
            ticket = await router.announce(there, Expected(data, routed))
            if ticket is None:
                return
            host = self._ws.asked_host.rpartition("]")[0] or self._ws.asked_host.partition(":")[0]
            host = f"{host}]" if host.startswith("[") else host
            self._moved = Moved(f"wss://{host}:{there.secure_port}/", there.label, ticket)
            raise SessionOver(CloseCode.MOVED, f"moved to {there.label}")
        frozen = self._ws.freeze([data])
        if frozen is None:
            raise SessionOver(CloseCode.RATE, "too much was sent before the welcome")
        # The hello has come in time; the other node only has to read it once more.
        peer = attrs.evolve(
            self._peer.freeze(trio.current_time()), deadline_in_s=self._settings.hello_deadline_s
        )
        connection = FrozenConnection(frozen, peer)
        if await router.pass_on(there, self._ws.link, connection, routed):
            self._ws.drop()
            raise _PassedOn
        self._ws.thaw()

    async def _join_here(self, hello: Hello, request: JoinRequest) -> tuple[RoomTask, Member, bool]:
        """Resume or join on this node; return also whether the client has resumed."""
        not_yet = await self._recover(hello, request)
        found = self._lobby.find_resumable(hello.resume, request)
        expected = self._lobby.reservations.find(hello.ticket) is not None
        turn_s = self._turn_s(returning=found is not None or expected)
        if found is not None:
            task, member = found
            self._resume(hello, task, member)
            return task, member, True
        if (moved := self._lobby.find_move(hello.resume)) is not None:
            raise self._moves(moved)
        router = self._lobby.router
        if router is not None and (moved := await router.find_seat(hello.resume)) is not None:
            raise self._moves(moved)
        if not_yet is not None and hello.resume is not None:
            raise not_yet
        await trio.sleep(turn_s)
        if router is not None and (ticket := router.ticket(hello.ticket)) is not None:
            # Used or expired, it counts as none: the rest of the hello says who the player is.
            sent_here = router.use_ticket(hello.ticket)
            if sent_here is None and ticket.moved_from is not None:
                raise JoinRefused(CloseCode.REFUSED, "the ticket was used before, or has expired")
            task, member = await self._join_or_take_over(hello, request, sent_here)
        elif hello.ticket is None:
            task, member = await self._join_or_take_over(hello, request, None)
        else:
            task, member = await self._join_reserved(hello, hello.ticket, request)
        return task, member, False

    async def _recover(self, hello: Hello, request: JoinRequest) -> JoinRefused | None:
        """Have a room recovered that is kept; return why another server has it, if one has.

        Raises that where this server knows of no other.
        """
        try:
            await self._lobby.find_kept(request, hello.resume)
        except JoinRefused as refusal:
            if self._lobby.router is None:
                raise
            return refusal
        return None

    def _turn_s(self, *, returning: bool) -> float:
        try:
            return self._peer.connection_limits.let_join(trio.current_time(), returning=returning)
        except JoinRefused as refusal:
            raise _NoTurn(
                refusal.code, refusal.reason, retry_after_s=refusal.retry_after_s
            ) from None

    def _moves(self, moved: Moved) -> SessionOver:
        """Return what ends this session; its client is told where the player goes on."""
        self._moved = moved
        return SessionOver(CloseCode.MOVED, f"moved to {moved.room}")

    async def _join_or_take_over(
        self, hello: Hello, request: JoinRequest, sent_here: MoveTicket | None
    ) -> tuple[RoomTask, Member]:
        """Sign in, and get a new player or the one that this identity plays already.

        If the game refuses a player who named no room, the next room is tried, and a new room in
        the end.  ``sent_here``: another node has sent the player to a room of this one.
        """
        lobby = self._lobby
        room_class = lobby.room_class(request)
        if sent_here is not None and sent_here.moved_from is not None:
            verified, joining = None, _admitted(hello, room_class, sent_here)
            request = attrs.evolve(request, options=joining.options)
            identity = sent_here.identity
        else:
            verified = lobby.sign_in.verify(hello.token, room_class, is_bot=self._peer.is_bot)
            identity = None if verified is None else verified.identity
            if sent_here is not None and sent_here.identity not in (None, identity):
                raise JoinRefused(CloseCode.REFUSED, "the ticket is for somebody else")
            joining = Joining(
                name=hello.name,
                options=request.options,
                token=None if room_class.requires_token else hello.token,
                verified=verified if room_class.requires_token else None,
            )
        deadline_s = trio.current_time() + AUTH_TIMEOUT_S
        refused: dict[int, JoinRefused] = {}
        #: Labels of rooms that have refused this client, or were full once it came to them.
        avoided: set[str] = set()
        used = verified is None
        while True:
            passed_over = refused if len(refused) < MAX_ROOMS_TRIED else None
            routed = await self._request_here(request, identity, sent_here, avoided)
            place = None
            try:
                with lobby.reserve(routed, self._peer.counted_as, identity, passed_over) as place:
                    if verified is not None and not used:
                        await lobby.sign_in.use_everywhere(verified)
                        self._used = verified
                        used = True
                    accepted = await self._authenticated(joining, place.task, deadline_s)
                    await lobby.until_thawed()
                    found = lobby.find_playing(request, accepted)
                    if found is None:
                        return place.task, self._join(joining, place.task, place.number, accepted)
            except _RefusedByGame as refusal:
                assert place is not None
                if request.name is not None or place.made:
                    raise
                refused[place.serial] = refusal
                avoided.add(place.task.label)
            except JoinRefused:
                if place is None and routed is not request and request.name is None:
                    avoided.add(f"{routed.kind}/{routed.name}")  # it has filled up meanwhile
                    continue
                if refused:  # there can be no new room
                    raise next(reversed(refused.values())) from None
                raise
            else:
                self._take_over(*found)
                return found

    async def _request_here(
        self,
        request: JoinRequest,
        identity: str | None,
        sent_here: MoveTicket | None,
        avoided: Collection[str],
    ) -> JoinRequest:
        """Return the request for a room of this node; raises if the player plays elsewhere."""
        router = self._lobby.router
        if router is None or len(avoided) >= MAX_ROOMS_TRIED:
            return request
        ticket = None if avoided else sent_here
        route = await router.place(request, ticket=ticket, identity=identity, avoided=avoided)
        if isinstance(route, JoinRequest):
            return route
        raise self._moves(route.moved())

    async def _join_reserved(
        self, hello: Hello, ticket: str, request: JoinRequest
    ) -> tuple[RoomTask, Member]:
        """Take the seat that was reserved for this client, or its player's present seat."""
        lobby = self._lobby
        with lobby.claimed(ticket, request) as reserved:
            room_class, task = lobby.room_class(request), reserved.task
            joining = Joining(
                name=hello.name,
                options=reserved.options if reserved.moved_from else request.options,
                token=None if room_class.requires_token or reserved.moved_from else hello.token,
                moved_from=reserved.moved_from,
            )
            if reserved.identity is not None:
                verified: Verified | None = Verified(reserved.identity, "", 0.0)
            else:
                verified = lobby.sign_in.verify(hello.token, room_class, is_bot=self._peer.is_bot)
                if verified is not None:
                    await lobby.sign_in.use_everywhere(verified)
                    self._used = verified
            if room_class.requires_token or reserved.moved_from:
                joining = attrs.evolve(joining, verified=verified)
            deadline_s = trio.current_time() + AUTH_TIMEOUT_S
            accepted = await self._authenticated(joining, task, deadline_s)
            await lobby.until_thawed()
            found = lobby.find_playing(request, accepted)
            if found is None:
                return task, self._join(joining, task, reserved.number, accepted)
        self._take_over(*found)
        return found

    def _join(self, joining: Joining, task: RoomTask, number: int, identity: str | None) -> Member:
        member = task.roster.join(
            number, self._ws.link, joining.name, identity, self.end, joining.options
        )
        self._counters.joins += 1
        self._note_playing("joined", task, member)
        return member

    def _take_over(self, task: RoomTask, member: Member) -> None:
        """Continue as a player who has signed in over this connection too."""
        self._counted_before = _tally_of(member.seated)
        task.roster.take_over(member, self._ws.link, self.end)
        self._note_playing("taken over", task, member)

    def _resume(self, hello: Hello, task: RoomTask, member: Member) -> None:
        """Continue as the player that the token in ``hello`` stands for."""
        tick_number = task.room.tick_number
        if hello.tick > tick_number and not member.may_be_ahead:
            raise RemoteProtocolError("hello.tick is a tick that has not been")
        assert hello.resume is not None
        self._counted_before = _tally_of(member.seated)
        task.roster.resume(
            member, hello.resume, self._ws.link, hello.held_ids, hello.tick, self.end
        )
        # How much the client has missed; None: it asks for everything.
        behind_ticks = None if hello.held is None else tick_number - hello.tick
        self._note_playing("resumed", task, member, behind_ticks=behind_ticks)

    async def _stay(self, task: RoomTask, member: Member, *, resumed: bool) -> Ending:
        """Welcome and play, until the player leaves or the connection is lost."""
        work = self._welcome_and_play(task, member, resumed=resumed)
        return await self._until_over(member, work)

    async def _until_over(self, member: Member, work: Coroutine[Any, Any, Ending]) -> Ending:
        ending = Ending(CloseCode.INTERNAL_ERROR, "internal error")
        self._member, member.on_replaced = member, self._go_on_as
        try:
            ending = await self._until_closed(work)
            # Many connections may break at one moment; their players leave a few at a time.
            await self._lobby.join_throttle.wait_turn()
        finally:
            member, self._member = self._member, None
            member.on_replaced = None  # it refers to this session, in a circle
            self._disconnect(member, self._ending or ending)
            self._played = less(_tally_of(member.seated), self._counted_before)
        return ending

    def _go_on_as(self, member: Member) -> None:
        """Play on as the member that has taken the place of this one, over the same connection."""
        assert self._member is not None
        played = less(_tally_of(self._member.seated), self._counted_before)
        self._counted_before = less(_tally_of(member.seated), played)
        self._member, member.on_replaced = member, self._go_on_as
        self._seated = member.seated
        if self._reception is not None:
            self._reception.close()
            self._take_messages(self._lobby.task_of(member), member)

    def _disconnect(self, member: Member, ending: Ending) -> None:
        may_return = action_for(ending.code) is ClientAction.RESUME
        if ending.by_peer and ending.code == NO_STATUS:
            may_return = False  # closed on purpose, though without a code
        member.roster.disconnect(
            member,
            self._ws.link,
            ending.reason,
            may_return=may_return,
            address=self._peer.counted_as,
        )
        self._moved = self._moved or member.moved

    async def _hello(self) -> tuple[Hello, bytes]:
        """Return the hello, also as the bytes that came."""
        with trio.move_on_at(self._peer.deadline_s):
            data, _ = await self._next_bytes()
            message = decode_from_client(data)
            if not isinstance(message, Hello):
                raise RemoteProtocolError("the first message must be hello")
            self._greeted = True
            self._hello_data = data
            self._peer.greeted()
            return message, data
        raise SessionOver(
            CloseCode.TOO_SLOW, f"no hello within {self._settings.hello_deadline_s:g} s"
        )

    def _checked_request(self, hello: Hello) -> JoinRequest:
        """Return the request in an acceptable hello; otherwise ``JoinRefused``."""
        if hello.version != VERSION:
            raise JoinRefused(CloseCode.VERSION, VERSION_REFUSED)
        request = self._lobby.request(hello.room, hello.options, hello.filter, hello.ticket)
        schema = self._lobby.room_class(request).schema()
        if hello.schema_hash is not None and hello.schema_hash != schema.hash:
            raise JoinRefused(CloseCode.SCHEMA, "the game has changed: reload the client")
        if not valid_name(hello.name):
            raise JoinRefused(
                CloseCode.BAD_NAME,
                "a name is 1 to 24 characters that can be seen, with no space at either end",
            )
        return request

    def _note_playing(self, how: str, task: RoomTask, member: Member, **more: int | None) -> None:
        self._seated, player = member.seated, member.player
        self._hello_data = self._used = None
        self._peer.joined()
        self._log = self._log.bind(room=task.label, player=escaped(player.name))
        self._log.info(how, seat=player.seat, **more)

    async def _authenticated(
        self, joining: Joining, task: RoomTask, deadline_s: float
    ) -> str | None:
        room = task.room
        with trio.move_on_at(deadline_s):
            if not task.ready.is_set():
                await task.ready.wait()
            try:
                return _checked_identity(await room.on_auth(joining))
            except JoinRefused as refusal:
                code = refusal.code if refusal.code in GAME_CODES else CloseCode.REFUSED
                raise _RefusedByGame(
                    code, refusal.reason, retry_after_s=refusal.retry_after_s
                ) from refusal
            except Exception:  # noqa: BLE001 - a bug of the game; logged, and the client is told
                self._log.exception("on_auth failed", room=task.label)
                raise JoinRefused(
                    CloseCode.INTERNAL_ERROR, "the game failed to sign you in"
                ) from None
        self._log.error("on_auth took too long", room=task.label, timeout_s=AUTH_TIMEOUT_S)
        raise JoinRefused(CloseCode.INTERNAL_ERROR, "signing in took too long")

    async def _welcome_and_play(self, task: RoomTask, member: Member, *, resumed: bool) -> Ending:
        await self._welcome(task, member, resumed=resumed)
        return await self._play(task, member)

    async def _welcome(self, task: RoomTask, member: Member, *, resumed: bool) -> None:
        """Send the welcome, and only then have deltas sent."""
        room, player = task.room, member.player
        welcome = Welcome(
            room=task.label,
            seat=player.seat,
            own_entity=room.id_of(player.entity),
            tick=room.tick_number,
            tick_rate=room.tick_rate,
            schema=room.schema().describe(),
            resume=self._lobby.resumption.token_of(member),
            limits={
                "message_bytes": MAX_CLIENT_MESSAGE_BYTES,
                "say_length": MAX_SAY_LENGTH,
                "publish_every": room.publish_every,
                **({} if room.input is None else {"input_buffer_ticks": LENGTH_TICKS}),
                **({"max_rewind_ms": room.max_rewind_ms} if room.rewinds else {}),
            },
            resumed=resumed,
            ack=member.seated.seat.command_seq,
        )
        data = welcome.encode()
        if not self._ws.post(binary_frame(data)):
            with trio.move_on_after(WELCOME_TIMEOUT_S) as patience:
                await self._ws.send(data)
            if patience.cancelled_caught:
                raise SessionOver(CloseCode.TOO_SLOW, "the welcome was not taken")
        if self._ending is None:  # otherwise deltas may have to wait for another session's welcome
            member.roster.start_deltas(member)

    # ------------------------------------------------------------ playing

    async def _play(self, task: RoomTask, member: Member) -> Ending:
        """Take messages from both paths: the fast path, and trio-websocket."""
        self._begin_play(task, member)
        return await self._until_played(task)

    def _begin_play(
        self,
        task: RoomTask,
        member: Member,
        frozen: FrozenPlay | None = None,
        began_s: float = 0.0,
    ) -> None:
        """Open the fast path, and have the connection read and pinged; ``_until_played`` follows.

        ``frozen`` is what another process had begun, which froze it at ``began_s``.
        """
        beat = self._beat = task.heartbeat.add(
            self._ws.link, self._newest_seq, self._answered, self._end_silent
        )
        reception = self._take_messages(task, member)
        if frozen is not None:
            task.heartbeat.go_on(beat, frozen.beat, began_s)
            reception.go_on(frozen.allowances, frozen.reads)
        self._read(task, beat)

    def _read(self, task: RoomTask, beat: Beat) -> None:
        """Have the connection read before ticks, and at once where a pong is awaited."""
        task.read(self._ws.link)
        beat.watch()

    async def _until_played(self, task: RoomTask) -> Ending:
        beat = self._beat
        assert beat is not None
        try:
            return await self._until_closed(self._listen())
        finally:
            if self._reception is not None:
                self._reception.close()
            self._ws.off_message()
            task.stop_reading(self._ws.link)
            task.heartbeat.remove(beat)
            self._reception = self._beat = None  # they refer to this session, in circles

    def _take_messages(self, task: RoomTask, member: Member) -> Reception:
        """Take messages for ``member`` from now on, on both paths."""
        assert self._beat is not None
        reception = self._reception = Reception(
            member.seated,
            task,
            self._ws,
            self._count_of_messages,
            self._counters,
            self.end,
            self._log,
        )
        self._ws.on_message(reception.take_bytes, self._beat.pong)
        return reception

    def _newest_seq(self) -> int:
        assert self._member is not None
        return self._member.seated.commands.newest_seq

    def _answered(self, latency: Latency) -> None:
        """Note the latency that an answered ping has measured."""
        member, reception = self._member, self._reception
        assert member is not None
        assert reception is not None
        # The ping was sent after the welcome, so the client has that too.
        member.roster.confirm_welcome(member)
        reception.take_latency(latency)

    def _end_silent(self) -> None:
        self.end(CloseCode.PING_TIMEOUT, "three pings in a row went unanswered")

    async def _listen(self) -> Ending:
        while True:
            message, now_s = await self._next_message()
            reception = self._reception
            # Once the session is ending, the player may be on another connection.
            if self._ending is None and reception is not None:
                reception.take(message, now_s)

    async def _next_message(self) -> tuple[ClientMessage, float]:
        """Return the next message that came through trio-websocket, and when that was."""
        data, now_s = await self._next_bytes()
        return decode_from_client(data), now_s

    async def _next_bytes(self) -> tuple[bytes, float]:
        data = await self._ws.receive()
        now_s = trio.current_time()
        self._count_of_messages.add(now_s)
        if isinstance(data, str):
            raise SessionOver(CloseCode.UNSUPPORTED_DATA, "messages are binary here, not text")
        return data, now_s

    # ------------------------------------------------------------ the end

    async def _say_bye(self, ending: Ending) -> None:
        reason = close_reason(ending.reason)
        if self._greeted:
            with trio.move_on_after(BYE_TIMEOUT_S):
                try:
                    if self._moved is not None and ending.code == CloseCode.MOVED:
                        await self._ws.send(self._moved.encode())
                    await self._ws.send(Bye(ending.code, reason, ending.retry_after_s).encode())
                except WebSocketClosed:
                    return
        await self._ws.close(ending.code, reason)


def _is_of_room(refusal: JoinRefused) -> bool:
    """Whether another room may take the client."""
    if isinstance(refusal, _NoTurn):
        return False
    return refusal.code in ROOM_CODES or isinstance(refusal, _RefusedByGame)


def _hello_of(expected: Expected) -> Hello:
    """Return the hello that a client has said to another node; it holds nothing any more."""
    hello = decode_from_client(expected.hello)
    if not isinstance(hello, Hello):
        raise RemoteProtocolError("the first message must be hello")
    return attrs.evolve(hello, tick=0, held=None)


def _admitted(hello: Hello, room_class: type[Room], ticket: MoveTicket) -> Joining:
    """Return the joining of a player whom a game of another node moves here."""
    try:
        options = options_of(room_class, ticket.options or {})
    except RemoteProtocolError as error:
        raise JoinRefused(CloseCode.OPTIONS, str(error)) from error
    identity = ticket.identity
    return Joining(
        name=hello.name,
        options=options,
        verified=None if identity is None else Verified(identity, "", 0.0),
        moved_from=ticket.moved_from,
    )


def _checked_identity(returned: object) -> str | None:
    """Return what a game's ``on_auth`` returned; ``TypeError`` if that is no identity."""
    if returned is None or isinstance(returned, str):
        return returned
    raise TypeError(f"on_auth returns a str or None, not {type(returned).__name__}")


def _tally_of(seated: Seated) -> Tally:
    """Return the counts of a player since it joined, over all its connections."""
    player, seat, commands = seated.player, seated.seat, seated.commands
    return Tally(
        commands_dropped=commands.dropped,
        commands_duplicate=commands.duplicate,
        commands_late=commands.late,
        commands_early=commands.early,
        idle_ticks=commands.idle_ticks,
        rewinds_disputed=player.rewinds_disputed,
        rewinds_clamped=player.rewinds_clamped,
        deltas_skipped=seat.skipped,
        events_dropped=seat.events_dropped,
        notices_dropped=seat.notices_dropped,
    )
