"""The way into a room: from the hello of a connection to a seat, on this node or on another.

Owns the check of the hello, routing it to another node or host, and which seat the client gets:
that of a player who resumes or is taken over, a reserved one, or a new one once the game's
``on_auth`` has agreed.  Ends in an ``Entered``, or in an exception that says why there is no seat.
Never plays, and never tells a client how its session ends; ``session.py`` does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Literal

import attrs
import trio

from gameserver.config import Settings
from gameserver.errors import JoinRefused, RemoteProtocolError
from gameserver.identity import Verified
from gameserver.joining import Joining
from gameserver.ops.metrics import Counters, Tally
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import VERSION, Hello, Moved, decode_from_client, valid_name
from gameserver.room import Room
from gameserver.runtime.admission.connection_limits import Peer
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.membership.tickets import MoveTicket
from gameserver.runtime.net.websocket import WebSocket
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import End, Member
from gameserver.runtime.rooms.routes import Bearer
from gameserver.runtime.sessions.player_tally import tally_of
from gameserver.runtime.sessions.reception import MessageCount, SessionOver, next_bytes
from gameserver.runtime.sessions.routing import Elsewhere, Expected, Routed, Router
from gameserver.simulation.matchable import options_of

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

#: Deadline of ``on_auth``, and of a new room's ``on_start`` before it.  If several rooms refuse the
#: player, it is the deadline of all of them together.
AUTH_TIMEOUT_S: Final = 10.0
#: Rooms that may refuse a player who named no room; after that the player gets a new room.
MAX_ROOMS_TRIED: Final = 4
VERSION_REFUSED: Final = f"this server speaks version {VERSION} of the protocol"
#: Close codes by which a room refuses a client that another room may take.
ROOM_CODES: Final = frozenset({CloseCode.ROOM_FULL, CloseCode.ROOM_CLOSED, CloseCode.REFUSED})
#: Close codes that a game's ``JoinRefused`` may carry (RFC 6455, 7.4.2: private use).
GAME_CODES: Final = range(4000, 5000)


@attrs.frozen
class Entered:
    """A player who plays over this connection from now on, and how it came to that.

    ``counted_before`` are the counts of the player that earlier sessions have reported.
    ``newcomer``: another node sent the client here before it was welcomed there.
    """

    how: Literal["joined", "taken over", "resumed"]
    task: RoomTask
    member: Member
    counted_before: Tally = attrs.field(factory=Tally)
    #: How much a client that resumed has missed; None: it asks for everything.
    behind_ticks: int | None = None
    newcomer: bool = False

    @property
    def resumed(self) -> bool:
        """Whether the client may keep what it has."""
        return self.how == "resumed" and not self.newcomer


class PassedOn(Exception):
    """Another node goes on with the connection; this process has closed its copy of the socket."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


class MovedOn(SessionOver):
    """The session ends; its client is told where the player goes on."""

    def __init__(self, moved: Moved) -> None:
        super().__init__(CloseCode.MOVED, f"moved to {moved.room}")
        self.moved = moved


class _NoTurn(JoinRefused):
    """Too many clients join right now, whichever room they ask for."""


class _RoomGone(JoinRefused):
    """The room has gone to another node, which takes the client."""

    def __init__(self, label: str) -> None:
        super().__init__(CloseCode.GOING_AWAY, f"{label} is on another node by now")


class _RefusedByGame(JoinRefused):
    """The game's ``on_auth`` does not let the player into this room."""


class Entrance:
    """The way of one connection into a room.

    ``end`` will end the session from any task, once its player has a seat.
    """

    def __init__(
        self,
        ws: WebSocket,
        peer: Peer,
        lobby: Lobby,
        settings: Settings,
        counters: Counters,
        router: Router | None,
        routed: Routed,
        count_of_messages: MessageCount,
        end: End,
        log: BoundLogger,
    ) -> None:
        self._ws = ws
        self._peer = peer
        self._lobby = lobby
        self._settings = settings
        self._counters = counters
        self._router = router
        self._routed = routed
        self._count_of_messages = count_of_messages
        self._end = end
        self._log = log
        #: The bytes of the hello; None until it has come.
        self._hello_data: bytes | None = None
        #: A token that was used up for this client, which has no seat yet.
        self._used: Verified | None = None

    @property
    def greeted(self) -> bool:
        """Whether the client has said hello."""
        return self._hello_data is not None

    @property
    def received(self) -> list[bytes]:
        """The messages that were taken from the connection: its hello, if it has come."""
        return [] if self._hello_data is None else [self._hello_data]

    def give_back_token(self) -> None:
        """Let the client use its token in another process, where it joins from the beginning."""
        if self._used is not None:
            self._lobby.sign_in.forget(self._used)

    def take_token(self) -> None:
        """Undo ``give_back_token``."""
        if self._used is not None:
            self._lobby.sign_in.use(self._used)

    async def enter(self) -> Entered:
        """Let the client say hello, and give it a seat.

        Raises ``SessionOver``, ``JoinRefused``, ``RemoteProtocolError`` or ``WebSocketClosed`` for
        a client that gets none; ``MovedOn`` and ``PassedOn`` where another process goes on.
        """
        try:
            hello, data = await self._hello()
            await self._lobby.join_throttle.wait_turn()
            await self._lobby.handing_over.until_thawed()
            if self._router is not None:
                return await self._join_on_host(hello, data, self._router)
            return await self._join_here(hello, self._checked_request(hello))
        finally:
            self._end = _nothing  # it refers to the session, which refers to this

    async def _hello(self) -> tuple[Hello, bytes]:
        """Return the hello, also as the bytes that came."""
        with trio.move_on_at(self._peer.deadline_s):
            data, _ = await next_bytes(self._ws, self._count_of_messages)
            message = decode_from_client(data)
            if not isinstance(message, Hello):
                raise RemoteProtocolError("the first message must be hello")
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

    async def _join_on_host(self, hello: Hello, data: bytes, router: Router) -> Entered:
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
                entered = await self._join_here(hello, there)
            except _RoomGone:
                self._routed = attrs.evolve(self._routed, used_token=self._used_token)
            except JoinRefused as refusal:
                may_try = request.name is None and hello.ticket is None
                refused_by = (*self._routed.refused_by, place.label)
                if not (may_try and _is_of_room(refusal)) or len(refused_by) > MAX_ROOMS_TRIED:
                    raise
                self._routed = attrs.evolve(
                    self._routed,
                    label=None,
                    refused_by=refused_by,
                    used_token=self._used_token,
                )
            else:
                return attrs.evolve(entered, newcomer=newcomer)

    @property
    def _used_token(self) -> str | None:
        """The id of the sign-in token that this client has used up, here or on another node."""
        return self._routed.used_token if self._used is None else self._used.token_id

    async def _until_here(self, request: JoinRequest) -> None:
        """Wait until players may join; ``_RoomGone`` if the room has gone elsewhere meanwhile."""
        await self._lobby.handing_over.until_thawed()
        if self._router is not None and request.name is not None:
            label = f"{request.kind}/{request.name}"
            if not self._router.is_here(label):
                raise _RoomGone(label)

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
            raise MovedOn(Moved(self._ws.url_at(there.secure_port), there.label, ticket))
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
            raise PassedOn(there.label)
        self._ws.thaw()

    async def _join_here(self, hello: Hello, request: JoinRequest) -> Entered:
        """Resume or join on this node."""
        self._lobby.moderation.check(None, self._peer.address)
        not_yet = await self._recover(hello, request)
        await self._until_here(request)
        found = self._lobby.find_resumable(hello.resume, request)
        expected = self._lobby.reservations.find(hello.ticket) is not None
        turn_s = self._turn_s(returning=found is not None or expected)
        if found is not None:
            task, member = found
            self._lobby.moderation.check(member.player.identity, None)
            return self._resume(hello, task, member)
        if (moved := self._lobby.moves.find(hello.resume)) is not None:
            raise MovedOn(moved)
        router = self._lobby.router
        if router is not None and (moved := await router.find_seat(hello.resume)) is not None:
            raise MovedOn(moved)
        if not_yet is not None and hello.resume is not None:
            raise not_yet
        await trio.sleep(turn_s)
        if router is not None and (ticket := router.ticket(hello.ticket)) is not None:
            # Used or expired, it counts as none: the rest of the hello says who the player is.
            sent_here = router.use_ticket(hello.ticket)
            if sent_here is None and ticket.moved_from is not None:
                raise JoinRefused(CloseCode.REFUSED, "the ticket was used before, or has expired")
            return await self._join_or_take_over(hello, request, sent_here)
        if hello.ticket is None:
            return await self._join_or_take_over(hello, request, None)
        return await self._join_reserved(hello, hello.ticket, request)

    async def _recover(self, hello: Hello, request: JoinRequest) -> JoinRefused | None:
        """Have a room recovered that is kept; return why another server has it, if one has.

        Raises that where this server knows of no other.
        """
        try:
            await self._lobby.durable.find(request, hello.resume)
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

    async def _join_or_take_over(
        self, hello: Hello, request: JoinRequest, sent_here: MoveTicket | None
    ) -> Entered:
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
            lobby.moderation.check(identity, None)  # before the token is used up
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
        before = (self._routed.used_token, None if sent_here is None else sent_here.used_token)
        used = verified is None or verified.token_id in before
        while True:
            await self._until_here(request)
            passed_over = refused if len(refused) < MAX_ROOMS_TRIED else None
            bearer = Bearer(identity, verified.token_id if verified is not None and used else None)
            routed = await self._request_here(request, bearer, sent_here, avoided)
            place = None
            try:
                with lobby.reserve(routed, self._peer.counted_as, identity, passed_over) as place:
                    if verified is not None and not used:
                        await lobby.sign_in.use_everywhere(verified)
                        self._used = verified
                        used = True
                    accepted = await self._authenticated(joining, place.task, deadline_s)
                    await self._until_here(request)
                    found = lobby.find_playing(request, accepted)
                    if found is None:
                        return self._join(joining, place.task, place.number, accepted)
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
                return self._take_over(*found)

    async def _request_here(
        self,
        request: JoinRequest,
        bearer: Bearer,
        sent_here: MoveTicket | None,
        avoided: Collection[str],
    ) -> JoinRequest:
        """Return the request for a room of this node; raises if the player plays elsewhere."""
        router = self._lobby.router
        if router is None or len(avoided) >= MAX_ROOMS_TRIED:
            return request
        ticket = None if avoided else sent_here
        route = await router.place(request, ticket=ticket, bearer=bearer, avoided=avoided)
        if isinstance(route, JoinRequest):
            return route
        raise MovedOn(route.moved())

    async def _join_reserved(self, hello: Hello, ticket: str, request: JoinRequest) -> Entered:
        """Take the seat that was reserved for this client, or its player's present seat."""
        lobby = self._lobby
        with lobby.claimed(ticket, request) as reserved:
            room_class, task = lobby.room_class(request), reserved.task
            trusted = reserved.moved_from is not None or reserved.identity is not None
            joining = Joining(
                name=hello.name,
                options=reserved.options if reserved.has_options else request.options,
                token=None if trusted or room_class.requires_token else hello.token,
                moved_from=reserved.moved_from,
            )
            if reserved.identity is not None:
                verified: Verified | None = Verified(reserved.identity, "", 0.0)
            else:
                verified = lobby.sign_in.verify(hello.token, room_class, is_bot=self._peer.is_bot)
                if verified is not None:
                    await lobby.sign_in.use_everywhere(verified)
                    self._used = verified
            if room_class.requires_token or trusted:
                joining = attrs.evolve(joining, verified=verified)
            deadline_s = trio.current_time() + AUTH_TIMEOUT_S
            accepted = await self._authenticated(joining, task, deadline_s)
            await self._until_here(request)
            found = lobby.find_playing(request, accepted)
            if found is None:
                return self._join(joining, task, reserved.number, accepted)
        return self._take_over(*found)

    async def _authenticated(
        self, joining: Joining, task: RoomTask, deadline_s: float
    ) -> str | None:
        room = task.room
        with trio.move_on_at(deadline_s):
            if not task.ready.is_set():
                await task.ready.wait()
            try:
                identity = _checked_identity(await room.on_auth(joining))
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
            self._lobby.moderation.check(identity, None)
            return identity
        self._log.error("on_auth took too long", room=task.label, timeout_s=AUTH_TIMEOUT_S)
        raise JoinRefused(CloseCode.INTERNAL_ERROR, "signing in took too long")

    def _join(self, joining: Joining, task: RoomTask, number: int, identity: str | None) -> Entered:
        member = task.roster.join(
            number, self._ws.link, joining.name, identity, self._end, joining.options
        )
        self._counters.joins += 1
        return Entered("joined", task, member)

    def _take_over(self, task: RoomTask, member: Member) -> Entered:
        """Continue as a player who has signed in over this connection too."""
        before = tally_of(member.seated)
        task.roster.take_over(member, self._ws.link, self._end)
        return Entered("taken over", task, member, before)

    def _resume(self, hello: Hello, task: RoomTask, member: Member) -> Entered:
        """Continue as the player that the token in ``hello`` stands for."""
        tick_number = task.room.tick_number
        if hello.tick > tick_number and not member.may_be_ahead:
            raise RemoteProtocolError("hello.tick is a tick that has not been")
        assert hello.resume is not None
        before = tally_of(member.seated)
        task.roster.resume(
            member, hello.resume, self._ws.link, hello.held_ids, hello.tick, self._end
        )
        behind_ticks = None if hello.held is None else tick_number - hello.tick
        return Entered("resumed", task, member, before, behind_ticks)


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


def _nothing(_code: int, _reason: str) -> None:
    """Stand for the session's ``end`` once the client is in, or refused."""
