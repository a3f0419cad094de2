"""A room class is tried before it is served: a trial room plays a moment of the game.

Owns the course of the trial, and turns each mistake into a line that says what to write.  The trial
is a ``Rehearsal``, so it has no server, no sockets and no clock.  It ends without a complaint when
the game needs something from outside: when ``on_start`` waits or raises.  ``on_auth`` and
``on_stop`` are not called, because they read and change data outside of the room.  For the same
reason no background call is run, and no submission to the storage is written.
"""

from __future__ import annotations

import pathlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final

from gameserver.errors import GameServerError, LocalProtocolError
from gameserver.model.schema import spec_of
from gameserver.model.specs import CommandSpec
from gameserver.room import Player, Room, give_storage
from gameserver.simulation.room_check import check_room
from gameserver.simulation.slips import suspicions
from gameserver.storage.receipts import Receipt
from gameserver.storage.room_storage import RoomStorage
from gameserver.storage.store import Operation
from gameserver.testing import Rehearsal, finish

#: How many ticks a trial plays with its players, and once they have left.
TICKS: Final = 10
#: How many players join, where as many may.
PLAYERS: Final = 2
_PACKAGE: Final = pathlib.Path(__file__).parent


#: Attributes of other engines, squashed → what to write here.
_FOREIGN_TOOLS: Final = {
    "broadcast": "self.emit(event) or self.say(text)",
    "send": "self.emit(event, to=player)",
    "clients": "self.players",
    "clock": "self.after(seconds, method)",
    "settimeout": "self.after(seconds, method)",
    "setinterval": "self.every(seconds, method)",
    "deltatime": "self.dt",
    "state": "self.spawn(entity), and fields of entities with synced()",
    "onmessage": "a method with @handles",
    "disconnect": "player.kick(reason)",
    "roomid": "self.name",
}
_FOREIGN_PLAYER: Final = {
    "sessionid": "player.seat",
    "id": "player.seat",
    "userid": "player.identity",
    "send": "self.emit(event, to=player)",
    "disconnect": "player.kick(reason)",
    "leave": "player.kick(reason)",
    "error": "player.kick(reason)",
    "userdata": "player.data",
    "ping": "player.latency",
}


class TrialFailed(LocalProtocolError):
    """A room class that must not be served; ``lines`` says why, one line for each mistake."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def try_room(room: type[Room]) -> None:
    """Play a moment in a room of this class; ``TrialFailed`` lists its mistakes.

    For tests: ``gameserver serve`` accepts a class that passes.
    """
    if lines := list(_mistakes(room)):
        raise TrialFailed(lines)
    _Trial(room).play()


def _mistakes(room: type[Room]) -> Iterator[str]:
    """Yield the mistakes that show without a room: errors, and probable slips."""
    try:
        check_room(room)
    except LocalProtocolError as error:
        yield str(error)  # much of the rest may follow from it
    else:
        yield from suspicions(room)


class _Trial:
    """One trial room."""

    def __init__(self, room: type[Room]) -> None:
        self._class = room

    def play(self) -> None:
        """Play; raise ``TrialFailed`` for the first hook that raises."""
        room = self._call("on_create", self._class, "trial")
        rehearsal = self._call("on_create", Rehearsal, room)
        give_storage(room, _InertStorage())
        if not _started(room):
            return
        self._call("tick", rehearsal.step)
        players = [self._join(rehearsal, n + 1) for n in range(min(PLAYERS, room.max_players))]
        self._call("tick", rehearsal.step)
        for player in players:
            self._act(rehearsal, player)
        self._call("tick", rehearsal.step, TICKS)
        for player in players:
            if rehearsal.room.players.get(player.seat) is player:
                self._call("sees", rehearsal.sees, player)
                self._call("on_drop", rehearsal.drop, player)
                self._call("tick", rehearsal.step)
                self._call("on_resume", rehearsal.resume, player)
                self._call("on_leave", rehearsal.leave, player)
        self._call("tick", rehearsal.step, TICKS)

    def _join(self, rehearsal: Rehearsal[Room], number: int) -> Player:
        name = f"trial {number}"
        identity = name if self._class.requires_token else None
        player: Player = self._call("on_join", rehearsal.join, name, identity)
        return player

    def _act(self, rehearsal: Rehearsal[Room], player: Player) -> None:
        if rehearsal.room.players.get(player.seat) is not player:
            return  # the game has kicked it
        for command in _default_commands(self._class):
            self._call("on_command", rehearsal.give, player, command)
        rehearsal.say(player, "hello")

    def _call(self, what: str, action: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return action(*arguments)
        except Exception as error:
            raise TrialFailed([self._line(what, error)]) from error

    def _line(self, what: str, error: Exception) -> str:
        """Return the line about an exception of the game."""
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_outside(f.filename)]
        hook = frames[0].name if frames else what
        files = {
            getattr(sys.modules.get(c.__module__), "__file__", "") for c in self._class.__mro__
        }
        last = [frame for frame in frames if frame.filename in files][-1:] or frames[-1:]
        place = "".join(f", {pathlib.Path(f.filename).name}:{f.lineno}" for f in last)
        text = " ".join(str(error).split())
        where = f" ({self._class.__name__}.{hook}{place})" if frames else ""
        if isinstance(error, GameServerError):
            return f"{text}{where}"
        if (plain := re.fullmatch(r"(\w+)\(\) takes no arguments", text)) is not None:
            return f"{text}: write @entity, @command or @event above class {plain[1]}{where}"
        hint = _hint(error) if isinstance(error, AttributeError) else ""
        return f"{self._class.__name__}.{hook} raised {type(error).__name__}: {text}{hint}{place}"


def _hint(error: AttributeError) -> str:
    """Return a hint about an attribute that does not exist, or an empty text."""
    name, holder = error.name or "", error.obj
    if isinstance(holder, int) and hasattr(Player, name):
        return ": self.players is a dict by seat, so write for player in self.players.values()"
    if holder is None and name:
        return ": a player without an entity has None in player.entity"
    for cls, foreign in ((Room, _FOREIGN_TOOLS), (Player, _FOREIGN_PLAYER)):
        if isinstance(holder, cls):
            close = get_close_matches(name, [n for n in dir(cls) if n[0] != "_"], n=1, cutoff=0.75)
            meant = foreign.get(name.replace("_", "").lower()) or "".join(close)
            return f": write {meant}" if meant else ""
    return ""


class _InertStorage(RoomStorage):
    """The storage of a trial room: it keeps nothing, and reading from it ends the trial."""

    def __init__(self) -> None:
        """Have no database."""

    def submit(self, *operations: Operation) -> Receipt:  # noqa: ARG002 - the signature of a storage
        """Return a receipt of a write that is never made."""
        return Receipt()


def _is_outside(file: str) -> bool:
    """Whether a file is none of the server's, or of a game that comes with it."""
    path = pathlib.Path(file)
    return not path.is_relative_to(_PACKAGE) or path.is_relative_to(_PACKAGE / "games")


def _started(room: Room) -> bool:
    """Run ``on_start`` until it waits; return whether it came to its end."""
    try:
        finish(room.on_start(), "on_start", "a server")
    except Exception:  # noqa: BLE001 - it may need something that only a running server has
        return False
    return True


def _default_commands(room: type[Room]) -> Iterator[Any]:
    """Yield each command that can be made of its defaults alone."""
    for cls in room.schema().kinds:
        if isinstance(spec_of(cls), CommandSpec):
            try:
                yield cls()
            except TypeError:
                continue  # a field has no default
