"""The monitor as a room: server, rooms and players as entities, and actions as commands.

Owns the entities and their refreshing.  Operators join it over the ordinary protocol, with an admin
token.  It lives only while somebody is in it.  Never reads a server itself: ``gather`` does.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final

import structlog
import trio

from gameserver.admin.desk import Desk, arguments_in
from gameserver.admin.node_actions import AdminError
from gameserver.admin.report import ON_MAP
from gameserver.admin.tokens import Operators
from gameserver.errors import JoinRefused
from gameserver.joining import Joining
from gameserver.model.declarations import number, synced, text
from gameserver.model.schema import command, entity, event
from gameserver.ops.metrics import Counters
from gameserver.player import Player
from gameserver.protocol.closing import CloseCode
from gameserver.room import Room

log = structlog.get_logger(__name__)

#: The delay of the refusal of a client with a wrong token.
REFUSAL_S: Final = 1.0
#: Bytes of a part of a map or an answer: texts and bytes on the wire are limited.
PART_BYTES: Final = 2048 // ON_MAP.size * ON_MAP.size
#: Ticks between two whole reports; the maps are sent every tick.
WHOLE_EVERY_TICKS: Final = 4

Gather = Callable[[list[str], bool], Awaitable[dict[str, Any]]]


@entity
class NodeFigures:
    """A process of the server.  Shares are in ‰, times in µs: the median and p99."""

    name: str = synced("")
    rooms: int = synced(0)
    players: int = synced(0)
    connections: int = synced(0)
    held: int = synced(0)
    behind: int = synced(0)
    computed: int = synced(0)
    waited: int = synced(0)
    level: int = synced(0)
    ready: bool = synced(default=True)
    work_us: list[int] = synced(factory=list)
    late_us: list[int] = synced(factory=list)
    rtt_us: list[int] = synced(factory=list)
    #: -1 without a storage.
    storage_waiting: int = synced(0)
    bans: int = synced(0)
    mutes: int = synced(0)
    counts: dict[str, int] = synced(factory=dict)
    refusals: dict[str, int] = synced(factory=dict)


@entity
class RoomFigures:
    """A room.  ``shares`` says where the bytes of its deltas go, if it is watched."""

    node: str = synced("")
    label: str = synced("")
    players: int = synced(0)
    max_players: int = synced(0)
    entities: int = synced(0)
    tick: int = synced(0)
    tick_rate: int = synced(0)
    load: int = synced(0)
    work_us: list[int] = synced(factory=list)
    late_us: int = synced(0)
    rtt_us: int = synced(0)
    level: int = synced(0)
    pace: int = synced(0)
    behind: int = synced(0)
    locked: bool = synced(default=False)
    private: bool = synced(default=False)
    delta_bytes: int = synced(0)
    shares: dict[str, int] = synced(factory=dict)


@entity
class PlayerFigures:
    """A player of a room that somebody watches."""

    room: str = synced("")
    seat: int = synced(0)
    name: str = synced("")
    identity: str = synced("")
    address: str = synced("")
    connected: bool = synced(default=True)
    rtt_us: int = synced(0)
    behind: int = synced(0)
    bytes_out: int = synced(0)


@command
class Watch:
    """Watch a room: its players, its map and where its bytes go; an empty name: none."""

    room: str = text(128)


@command
class Act:
    """Carry out an action; ``arguments`` is JSON.  Parts with this number bring the answer."""

    number: int = number(1, 1 << 30)
    action: str = text(32)
    arguments: str = text(1500)


@event
class Part:
    """A part of an answer (``number`` of its ``Act``), or of the map of the watched room (0).

    An answer is JSON: ``{"ok": …}`` or ``{"error": text}``.  ``about`` is the room of a map, with
    the names of its kinds in ``kinds``; its ``data`` holds entities as ``ON_MAP`` describes.
    """

    number: int
    index: int
    count: int
    about: str
    tick: int
    kinds: list[str]
    data: bytes


class Monitor(Room):
    """The monitor of a server; ``listener.py`` makes a class with what it needs."""

    desk: ClassVar[Desk]
    operators: ClassVar[Operators]
    counters: ClassVar[Counters]
    gather: ClassVar[Gather]

    tick_rate = 2
    max_players = 16
    hold_s = 10.0
    journaled = False

    def on_create(self) -> None:
        """Begin with nothing; the first report comes soon."""
        self.nodes: dict[str, NodeFigures] = {}
        self.rooms: dict[str, RoomFigures] = {}
        self.seats: dict[tuple[str, int], PlayerFigures] = {}
        #: Seat of an operator → the room that it watches.
        self.watched: dict[int, str] = {}
        self.gathering = False

    _joins: ClassVar = itertools.count(1)

    async def on_auth(self, joining: Joining) -> str:
        """Let operators in; each connection is a player of its own."""
        operator = self.operators.of(joining.token)
        if operator is None:
            self.counters.admin_refusals += 1
            log.warning("a wrong admin token was shown to the monitor")
            await trio.sleep(REFUSAL_S)
            raise JoinRefused(CloseCode.REFUSED, "the admin token is wrong")
        return f"{operator}#{next(self._joins)}"

    def on_leave(self, player: Player, reason: str) -> None:  # noqa: ARG002 - as the hook is
        """Stop watching a room."""
        self.watched.pop(player.seat, None)

    def on_command(self, player: Player, command: Any) -> None:
        """Watch a room, or carry out an action."""
        match command:
            case Watch():
                self.watched[player.seat] = command.room
                self.refresh(whole=True)
            case Act():
                who = (player.identity or "").partition("#")[0]
                asked = (who, command.action, command.arguments)
                self.background(
                    self.carry_out, *asked, then=self.answer, about=(player.seat, command.number)
                )

    async def carry_out(self, operator: str, action: str, arguments: str) -> str:
        """Carry out an action; return the answer as JSON."""
        try:
            given = arguments_in(arguments)
            result = await self.desk.carry_out(operator, "monitor", action, given)
        except AdminError as error:
            return json.dumps({"error": str(error)})
        return json.dumps({"ok": result})

    def answer(self, result: Any, about: tuple[int, int]) -> None:
        """Send the answer to the operator who asked."""
        seat, number_ = about
        player = self.players.get(seat)
        if player is None:
            return
        if not isinstance(result, str):
            log.error("an action failed", reason=repr(result))
            result = json.dumps({"error": "the action failed; the log of the server says why"})
        self._send(player, number_, "", 0, [], result.encode())

    def tick(self) -> None:
        """Ask for the next report, unless one is on its way."""
        self.refresh(whole=self.tick_number % WHOLE_EVERY_TICKS == 0)

    def refresh(self, *, whole: bool) -> None:
        """Ask for a report; without ``whole`` only for the maps."""
        watched = sorted({room for room in self.watched.values() if room})
        if self.gathering or not (whole or watched):
            return
        self.gathering = True
        self.background(self._gathered, watched, whole, then=self.show)

    async def _gathered(self, watched: list[str], whole: bool) -> dict[str, Any]:  # noqa: FBT001
        return await type(self).gather(watched, whole)

    # ------------------------------------------------------------ showing a report

    def show(self, report: Any) -> None:
        """Bring the entities up to date with the report, and send the maps."""
        self.gathering = False
        if isinstance(report, Exception):
            log.warning("the monitor has no report", reason=str(report))
            return
        maps: dict[str, Any] = {}
        for told in report.values():
            maps |= told["maps"]
        for seat, room in self.watched.items():
            if (shown := maps.get(room)) is not None:
                player = self.players[seat]
                self._send(player, 0, room, shown["tick"], shown["kinds"], shown["data"])
        if any("node" in told for told in report.values()):
            self._show_whole(report)

    def _show_whole(self, report: Mapping[str, Any]) -> None:
        rooms: dict[str, dict[str, Any]] = {}
        players: dict[tuple[str, int], dict[str, Any]] = {}
        for name, told in report.items():
            shares = told["shares"]
            for room in told["rooms"]:
                label = room["label"]
                rooms[label] = {**room, "node": name, "shares": shares.get(label, {})}
            for label, seated in told["players"].items():
                players |= {(label, one["seat"]): {**one, "room": label} for one in seated}
        nodes = {name: {**told["node"], "name": name} for name, told in report.items()}
        self._make_equal(self.nodes, NodeFigures, nodes)
        self._make_equal(self.rooms, RoomFigures, rooms)
        self._make_equal(self.seats, PlayerFigures, players)

    def _make_equal(self, shown: dict[Any, Any], cls: type, told: Mapping[Any, Any]) -> None:
        for key in [key for key in shown if key not in told]:
            self.despawn(shown.pop(key))
        for key, fields in told.items():
            one = shown.get(key)
            if one is None:
                shown[key] = one = self.spawn(cls())
            for name, value in fields.items():
                if getattr(one, name) != value:
                    setattr(one, name, value)

    def _send(
        self, to: Player, number_: int, about: str, tick: int, kinds: list[str], data: bytes
    ) -> None:
        parts = [data[at : at + PART_BYTES] for at in range(0, len(data), PART_BYTES)] or [b""]
        for index, part in enumerate(parts):
            told = Part(number_, index, len(parts), about, tick, kinds, part)
            self.emit(told, to=to)


def monitor_of(desk: Desk, operators: Operators, counters: Counters, gather: Gather) -> type[Room]:
    """Return the class of the monitor of one server."""
    return type(
        "Monitor",
        (Monitor,),
        {
            "__module__": Monitor.__module__,
            "desk": desk,
            "operators": operators,
            "counters": counters,
            "gather": staticmethod(gather),
            "classes": (NodeFigures, RoomFigures, PlayerFigures, Watch, Act, Part),
        },
    )
