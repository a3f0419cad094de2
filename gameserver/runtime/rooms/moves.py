"""Moves: a game sends players of one room to another, on this node or elsewhere.

Owns the choice of the other room, the options with which players arrive there, and the reasons for
refused moves.  Never moves a connection: the client follows with the ticket that it gets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol

import attrs
import structlog
import trio

from gameserver.errors import JoinRefused
from gameserver.outbox import Move
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Moved
from gameserver.room import Room
from gameserver.runtime.rooms.join_request import JoinRequest, read_join_request, split_filters
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.runtime.rooms.party import Guest, OtherNodes, Party
from gameserver.runtime.rooms.reservations import Reservations
from gameserver.runtime.rooms.resumption import Resumption
from gameserver.runtime.rooms.roster import Member
from gameserver.runtime.rooms.routes import Routes
from gameserver.simulation.matchable import options_named, plain_filters

log = structlog.get_logger(__name__)

#: The time for which the seat of a player who moves is reserved.
MOVE_VALID_S: Final = 30.0


class Rooms(Protocol):
    """The rooms of one server, as far as moves need them; ``lobby.py`` has them."""

    #: Decides which players play on other nodes; None if there are no others.
    router: Routes | None
    #: The other nodes of this host; None if there are none.
    siblings: OtherNodes | None

    @property
    def classes_by_kind(self) -> Mapping[str, type[Room]]:
        """The kinds of rooms with their classes."""

    def room_for(
        self, request: JoinRequest, count: int, passed_over: Collection[int] = ()
    ) -> OpenRoom:
        """Return a room with enough free seats, made if need be; or raise ``JoinRefused``."""


class Moves:
    """The moves of the players of one server."""

    def __init__(
        self, rooms: Rooms, reservations: Reservations, resumption: Resumption[Member]
    ) -> None:
        self._rooms = rooms
        self._reservations = reservations
        self._resumption = resumption
        self._nursery: trio.Nursery | None = None

    def start(self, nursery: trio.Nursery) -> None:
        """Have moves to other nodes arranged in ``nursery``."""
        self._nursery = nursery

    @property
    def _kinds(self) -> Mapping[str, type[Room]]:
        return self._rooms.classes_by_kind

    def find(self, resume: str | None) -> Moved | None:
        """Return the move of the player of a resume token, while its new seat is reserved."""
        moved = self._reservations.find_move(self._resumption.left_by(resume))
        return None if moved is None else Moved("", *moved)

    def begin(
        self, opened: OpenRoom, move: Move, refused: Callable[[str], object] = lambda _: None
    ) -> None:
        """Reserve seats in another room for players of this one, and send them there.

        If that is not possible, the game is told; if it is known at once, ``refused`` is called
        with the reason.
        """
        roster = opened.task.roster
        players = [roster.find_seat(seat) for seat in dict.fromkeys(move.seats)]
        members = [m for m in players if m is not None and m.may_resume]
        if not members:
            return
        try:
            request = self._request(move, opened)
            all_options = [self._options_of(member, move, request) for member in members]
        except JoinRefused as refusal:
            self._refuse(opened, members, move.room, refusal)
            refused(refusal.reason)
            return
        request = attrs.evolve(request, options=all_options[0])
        moving = dict(zip(members, all_options, strict=True))
        if self._rooms.siblings is not None:
            assert self._nursery is not None, "start comes first"
            self._nursery.start_soon(self._on_host, opened, moving, request, move.room)
        elif self._rooms.router is None:
            self._here(opened, moving, request, move.room, refused)
        else:
            assert self._nursery is not None, "start comes first"
            self._nursery.start_soon(self._anywhere, opened, moving, request, move.room)

    def _here(
        self,
        opened: OpenRoom,
        moving: Mapping[Member, Any],
        request: JoinRequest,
        room: str,
        refused: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Move players, each with its options, to a room of this server."""
        roster = opened.task.roster
        try:
            target = self._rooms.room_for(request, len(moving), {opened.serial})
            news = [
                self._reservations.reserve(
                    target.task,
                    MOVE_VALID_S,
                    identity=member.player.identity,
                    options=options,
                    moved_from=opened.task.label,
                )
                for member, options in moving.items()
            ]
            target.occupied()
        except JoinRefused as refusal:
            self._refuse(opened, moving, room, refusal)
            refused(refusal.reason)
            return
        for member, ticket in zip(moving, news, strict=True):
            life = member.resume_state.life
            self._reservations.remember_move(life, target.task.label, ticket)
            roster.move(member, Moved("", target.task.label, ticket))

    async def _anywhere(
        self, opened: OpenRoom, moving: Mapping[Member, Any], request: JoinRequest, room: str
    ) -> None:
        """Move players, each with its options, to a room of whichever node."""
        router = self._rooms.router
        assert router is not None
        try:
            route = await router.place(request, avoided={opened.task.label}, seats=len(moving))
            moving = {member: options for member, options in moving.items() if member.may_resume}
            if isinstance(route, JoinRequest):
                if moving:
                    self._here(opened, moving, route, room)
                return
            ways = {
                member: router.admission(
                    route,
                    life=member.resume_state.life,
                    identity=member.player.identity,
                    moved_from=opened.task.label,
                    options=self._named(request.kind, options),
                )
                for member, options in moving.items()
            }
        except JoinRefused as refusal:
            self._refuse(opened, moving, room, refusal)
            return
        for member, moved in ways.items():
            opened.task.roster.move(member, moved)

    async def _on_host(
        self, opened: OpenRoom, moving: Mapping[Member, Any], request: JoinRequest, room: str
    ) -> None:
        """Move players, each with its options, to a room of whichever node of the host."""
        siblings = self._rooms.siblings
        assert siblings is not None
        guests = [
            Guest(member.player.identity, self._named(request.kind, options))
            for member, options in moving.items()
        ]
        party = Party(
            request.room,
            tuple(guests),
            self._named(request.kind, request.options),
            plain_filters(request.wanted),
            MOVE_VALID_S,
            opened.task.label,
        )
        try:
            seats = await siblings.reserve(party, avoided={opened.task.label})
        except JoinRefused as refusal:
            self._refuse(opened, moving, room, refusal)
            return
        for member, ticket in zip(moving, seats.tickets, strict=True):
            if member.may_resume:  # otherwise its seat is free again once the ticket has expired
                life = member.resume_state.life
                self._reservations.remember_move(life, seats.label, ticket, elsewhere=True)
                opened.task.roster.move(member, Moved("", seats.label, ticket))

    def _named(self, kind: str, options: Any) -> dict[str, Any] | None:
        return None if options is None else options_named(self._kinds[kind], options)

    def _refuse(
        self, opened: OpenRoom, members: Iterable[Member], room: str, refusal: JoinRefused
    ) -> None:
        log.warning("players cannot move", room=opened.task.label, to=room, why=refusal.reason)
        for member in members:
            if member.may_resume:
                opened.task.roster.refuse_move(member, room, refusal.reason)

    def _request(self, move: Move, opened: OpenRoom) -> JoinRequest:
        """Return the request in a move of a game; ``JoinRefused`` if it is wrong."""
        room, filters = split_filters(move.room)
        request = read_join_request(
            self._kinds, room, move.options, filters, whole=move.options is not None
        )
        if request.name is not None and request.fits(opened.kind, opened.name):
            raise JoinRefused(CloseCode.REFUSED, f"this is {opened.task.label} already")
        return request

    def _options_of(self, member: Member, move: Move, request: JoinRequest) -> Any:
        """Return the options of a player who moves; ``JoinRefused`` if some are missing."""
        if move.options is not None:
            return request.options
        own, room = member.player.options, self._kinds[request.kind]
        if room.options is not None and isinstance(own, room.options):
            return own
        return read_join_request(self._kinds, request.kind).options
