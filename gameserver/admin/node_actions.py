"""The actions of operators, on the rooms and players of one process.

Owns what each action does to a server.  Never decides who may act, and never writes the audit log:
``desk.py`` does, once for all processes.  Every operation runs between two ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.admin.report import report_of, sessions_of
from gameserver.errors import GameServerError
from gameserver.ops.whole_world import plain, world_of
from gameserver.outbox import Move
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.texts import cleaned_text
from gameserver.runtime.admission.addresses import read_address
from gameserver.runtime.admission.moderation import told
from gameserver.runtime.rooms.load_list import listed_room
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.runtime.rooms.roster import Member
from gameserver.runtime.server import Server
from gameserver.runtime.sessions.session import Session
from gameserver.storage.penalties import BAN, Penalty

log = structlog.get_logger(__name__)

#: The reason of a kick that names none.
KICKED: Final = "removed by an operator"
#: The most players in one answer.
MOST_PLAYERS: Final = 2000


class AdminError(GameServerError):
    """An action that is not possible; the text is one line for the operator."""


class NodeActions:
    """The actions on ``server``.  Long operations run in ``nursery``."""

    def __init__(self, server: Server, nursery: trio.Nursery) -> None:
        self._server = server
        self._nursery = nursery
        self._operations: dict[str, Callable[..., Any]] = {
            "report": partial(report_of, server),
            "rooms": self.rooms,
            "players": self.players,
            "inspect": self.inspect,
            "find": self.find,
            "kick": self.kick,
            "lock": self.lock,
            "announce": self.announce,
            "move": self.move,
            "drain": self.drain,
            "enforce": self.enforce,
            "lift": self.lift,
        }

    async def answer(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Return ``{"ok": result}``, ``{"error": text}``, or None where the room is elsewhere."""
        try:
            result = self._operations[operation](**arguments)
            if operation == "report":
                result = await result
        except AdminError as error:
            return {"error": str(error)}
        return None if result is None else {"ok": result}

    # ------------------------------------------------------------ finding

    def _opened(self, room: str) -> OpenRoom | None:
        return next((one for one in self._server.lobby.open_rooms if one.task.label == room), None)

    def _member(self, opened: OpenRoom, seat: int) -> Member:
        member = opened.task.roster.find_seat(seat)
        if member is None:
            raise AdminError(f"nobody is in seat {seat} of {opened.task.label}")
        return member

    # ------------------------------------------------------------ looking

    def rooms(self) -> list[dict[str, Any]]:
        """Return all rooms of this process."""
        return [
            {
                **listed_room(opened.task),
                "max_players": opened.task.room.max_players,
                "locked": opened.locked,
                "locked_by_operator": opened.locked_by_operator,
                "private": opened.private,
            }
            for opened in self._server.lobby.open_rooms
        ]

    def players(self, room: str | None = None) -> list[dict[str, Any]] | None:
        """Return the players of a room, or of all rooms of this process."""
        opened = [o for o in self._server.lobby.open_rooms if room in (None, o.task.label)]
        if room is not None and not opened:
            return None
        sessions = sessions_of(self._server)
        found = [self._player(one, member, sessions) for one in opened for member in _members(one)]
        return found[:MOST_PLAYERS]

    def _player(
        self, opened: OpenRoom, member: Member, sessions: Mapping[Member, Session]
    ) -> dict[str, Any]:
        player, session = member.player, sessions.get(member)
        rtt_s = player.latency.smoothed_s
        return {
            "room": opened.task.label,
            "seat": player.seat,
            "name": player.name,
            "identity": player.identity,
            "address": member.address,
            "connected": player.connected,
            "rtt_ms": None if rtt_s is None else round(rtt_s * 1e3, 1),
            "bytes_out": 0 if session is None else session.bytes_out,
        }

    def inspect(self, room: str) -> dict[str, Any] | None:
        """Return the details of a room: its entities, slow ticks and journal."""
        opened = self._opened(room)
        if opened is None:
            return None
        task, now_s = opened.task, trio.current_time()
        journal = task.journal
        statistics = task.statistics()
        return {
            **listed_room(task),
            **world_of(task.room),
            "room": room,
            "kind": opened.kind,
            "locked": opened.locked,
            "listing": plain(opened.listing()["listing"]),
            "ticks": None if statistics is None else attrs.asdict(statistics),
            "slow": [
                tick.to_json(now_s)
                for tick in reversed(self._server.lobby.slow_ticks.kept)
                if tick.room == room
            ],
            "journal": None
            if journal is None
            else {
                "file": journal.place or "the storage",
                "bytes": journal.bytes_written,
                "stopped": journal.stopped,
                "durable": journal.durable,
                "tick": journal.written_tick,
            },
        }

    def find(self, room: str, seat: int) -> dict[str, Any] | None:
        """Return identity, address and name of a player."""
        opened = self._opened(room)
        if opened is None:
            return None
        member = self._member(opened, seat)
        return self._player(opened, member, sessions_of(self._server))

    # ------------------------------------------------------------ acting

    def kick(self, room: str, seat: int, reason: str = "") -> str | None:
        """End the session of a player, who leaves the room."""
        opened = self._opened(room)
        if opened is None:
            return None
        member = self._member(opened, seat)
        opened.task.roster.remove(member, CloseCode.KICKED, reason or KICKED)
        return f"{member.player.name} (seat {seat}) is out of {room}"

    def lock(self, room: str, locked: bool) -> str | None:  # noqa: FBT001 - from a mapping
        """Let nobody join a room any more, or again."""
        opened = self._opened(room)
        if opened is None:
            return None
        opened.locked_by_operator = locked
        return f"{room} is {'locked' if opened.locked else 'open'}"

    def announce(self, text: str, room: str | None = None) -> int | None:
        """Send players a text; return the number of rooms that it went to."""
        rooms = [o for o in self._server.lobby.open_rooms if room in (None, o.task.label)]
        if room is not None and not rooms:
            return None
        for opened in rooms:
            opened.task.announce(cleaned_text(text))
        return len(rooms)

    def move(self, room: str, seat: int, to: str) -> str | None:
        """Send a player to another room, which may be on another node."""
        opened = self._opened(room)
        if opened is None:
            return None
        member = self._member(opened, seat)
        if not member.may_resume:
            raise AdminError(f"seat {seat} of {room} is on its way out")
        refusals: list[str] = []
        self._server.lobby.moves.begin(opened, Move((seat,), to, None), refusals.append)
        if refusals:
            raise AdminError(f"{to}: {refusals[0]}")
        return f"{member.player.name} (seat {seat}) goes on to {to}"

    def drain(self) -> str:
        """Make no room any more, and give rooms to other nodes; the other rooms play on."""
        self._nursery.start_soon(self._server.drain, self._server.settings.drain_s)
        return f"{self._server.players} players play on; no room is made any more"

    def enforce(self, penalty: Mapping[str, Any]) -> int:
        """Put a ban or mute into force; return how many players a ban has ended."""
        one = Penalty(**penalty)
        moderation = self._server.lobby.moderation
        moderation.enforce(one)
        if one.kind != BAN:
            return 0
        ended = 0
        for opened in self._server.lobby.open_rooms:
            for member in _members(opened):
                address = read_address(member.address or "")
                if moderation.find(BAN, member.player.identity, address) is not None:
                    opened.task.roster.remove(member, CloseCode.BANNED, told(one))
                    ended += 1
        return ended

    def lift(self, kind: str, of: str, subject: str) -> bool:
        """End a ban or mute."""
        return self._server.lobby.moderation.lift(kind, of, subject)


def _members(opened: OpenRoom) -> list[Member]:
    roster = opened.task.roster
    found = [roster.find_seat(seat) for seat in list(opened.task.room.players)]
    return [member for member in found if member is not None]
