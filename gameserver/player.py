"""One who plays in a room: what a game is given for each client.

Owns the queue of a player's commands, in the two ways that there are: *inputs*, one for each tick
(``inputs.py``), and all others, which are applied at the next tick.  Never calls the game's
hooks: ``room.py`` does, in the order that this file gives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from gameserver.errors import LocalProtocolError
from gameserver.inputs import Input, InputBuffer
from gameserver.protocol.kinds import SHOWN_PER_TICK
from gameserver.protocol.latency import Latency
from gameserver.replication.events import Point
from gameserver.replication.seat import Seat

#: Commands of one player that wait for the next tick: as many as a client that comes back sends
#: again at most.  Overflow policy ``drop-oldest``, counted in ``Player.commands_dropped``.
MAX_WAITING_COMMANDS: Final = 256
#: Times are kept of so many of the latest inputs of one player, and of a whole room.
WINDOW_PLAYER: Final = 64
WINDOW_ROOM: Final = 1024


class InputTimes:
    """How long the latest inputs took at the server, in seconds.

    ``waits_s``: from being read to the beginning of their tick; ``sends_s``: from the end of that
    tick's simulation until a delta that tells of it was written, which is a later tick's where a
    link was behind.
    """

    __slots__ = ("sends_s", "waits_s")

    def __init__(self, window: int) -> None:
        self.waits_s: deque[float] = deque(maxlen=window)
        self.sends_s: deque[float] = deque(maxlen=window)


#: Shared by all players in rooms without ``input``.
_NO_TIMES: Final = InputTimes(0)


class Waiting:
    """What the players of one room share: who has commands, who is kicked, which tick is next."""

    __slots__ = ("input_class", "kicked", "players", "times", "upcoming_tick")

    def __init__(self, input_class: type | None) -> None:
        #: ``Room.input``.
        self.input_class: Final = input_class
        #: Players with commands for the next tick; a tick looks at nobody else for them.
        self.players: list[Player] = []
        #: Players who are to go; a tick looks at nobody else for that.
        self.kicked: list[Player] = []
        #: The first tick that a command read now can be for.
        self.upcoming_tick = 1
        self.times: Final = InputTimes(WINDOW_ROOM)


class Player:
    """One who plays in a room: a person or a bot.

    ``seat`` is the place in the room, ``identity`` what ``Room.on_auth`` returned, ``latency`` what
    the ping frames measured.
    """

    def __init__(self, seat: Seat, name: str, identity: str | None, waiting: Waiting) -> None:
        self.name = name
        self.identity = identity
        self.latency = Latency()
        #: False while the connection is lost and the seat is held (``Room.hold_s``).
        self.connected = True
        #: Free for the game: whatever it wants to keep with a player.
        self.data: Any = None
        #: Whether ``Room.seen_by`` rewinds for this player.
        self.lag_compensation = True
        #: Claims of what the screen showed: those that the measured latency refutes, and those
        #: cut to ``Room.max_rewind_ms``.
        self.rewinds_disputed = 0
        self.rewinds_clamped = 0
        #: The seq of the newest command that has come; 0: none has.
        self.newest_seq = 0
        #: Set by ``kick``; the session ends after this tick.
        self.kicked: str | None = None
        self.input_times: Final = (
            _NO_TIMES if waiting.input_class is None else InputTimes(WINDOW_PLAYER)
        )
        self._seat = seat
        self._waiting = waiting
        #: A list, for it is short, and an empty deque takes 760 bytes.
        self._inbox: list[Input] = []
        self._dropped = 0
        self._stale = 0
        #: None where the room has no ``input``.
        self._inputs = None if waiting.input_class is None else InputBuffer()
        #: The command applied last, and at which tick.
        self._applied: Input | None = None
        self._applied_tick = 0
        #: The beginning of the first tick whose input no delta has told of yet; 0.0: none.
        self._untold_s = 0.0

    def __repr__(self) -> str:
        return f"<Player {self.name!r} in seat {self.seat}>"

    @property
    def seat(self) -> int:
        """The number of the seat, from 1."""
        return self._seat.number

    @property
    def entity(self) -> Any:
        """The spawned entity that this player steers, or None.

        Its position is what the view follows.  Despawning it leaves None.
        """
        record = self._seat.own
        return record.entity if record is not None and record.alive else None

    @entity.setter
    def entity(self, entity: Any) -> None:
        record = getattr(entity, "_record", None)
        if entity is not None and record is None:
            raise LocalProtocolError(f"spawn the {type(entity).__name__} before a player has it")
        self._seat.own = record
        self._seat.own_changed = True

    @property
    def focus(self) -> Point | None:
        """A point to look at, in the units of positions; None: look at the own entity.

        A player with neither keeps looking where it last looked.
        """
        return self._seat.focus

    @focus.setter
    def focus(self, point: Point | None) -> None:
        self._seat.focus = point

    def kick(self, reason: str) -> None:
        """End this player's session after this tick, with close code 4010 and ``reason``."""
        if self.kicked is None:
            self._waiting.kicked.append(self)
        self.kicked = reason

    def note_drop(self) -> None:
        """The connection is lost; commands that have come already are applied all the same."""
        self.connected = False
        self._untold_s = 0.0  # no delta will tell of it

    def start_over(self) -> None:
        """Another client goes on for this one: its screen, its line and its seqs are its own."""
        self.discard_commands()
        self.latency = Latency()
        self.newest_seq = self._seat.command_seq = 0
        self._applied = None

    # ------------------------------------------------------------ what was counted

    @property
    def commands_late(self) -> int:
        """Inputs that came after their tick."""
        return 0 if self._inputs is None else self._inputs.late

    @property
    def commands_early(self) -> int:
        """Inputs refused because their tick was too far ahead."""
        return 0 if self._inputs is None else self._inputs.early

    @property
    def commands_duplicate(self) -> int:
        """Commands refused because their seq, or an input for their tick, had been there."""
        return self._stale + (0 if self._inputs is None else self._inputs.duplicate)

    @property
    def commands_dropped(self) -> int:
        """Commands that were taken in but never applied."""
        return self._dropped + (0 if self._inputs is None else self._inputs.dropped)

    @property
    def idle_ticks(self) -> int:
        """Ticks for which no input had come, in the first ``Room.idle_repeat_ticks`` of a gap.

        A longer silence is taken to be meant.
        """
        return 0 if self._inputs is None else self._inputs.idle_ticks

    # ------------------------------------------------------------ commands

    def take_command(
        self, seq: int, command: Any, tick: int = 0, shown: int = 0, read_s: float = 0.0
    ) -> None:
        """Queue a checked command for its tick; called by the session.

        ``tick`` and ``shown`` as on the wire; ``read_s``: when it was read, on the clock of
        ``Room.step`` (0.0: unknown).
        """
        if seq <= self.newest_seq:
            self._stale += 1
            return
        self.newest_seq = seq
        waiting = self._waiting
        upcoming = waiting.upcoming_tick
        if self._inputs is not None and command.__class__ is waiting.input_class:
            if tick:
                self._seat.margin = tick - upcoming
            if not self._inputs.put((tick, seq, shown, upcoming, read_s, command)):
                self._seat.command_seq = seq
            return
        if not self._inbox:
            waiting.players.append(self)
        elif len(self._inbox) == MAX_WAITING_COMMANDS:
            del self._inbox[0]
            self._dropped += 1
        self._inbox.append((tick, seq, shown, upcoming, read_s, command))

    def discard_commands(self) -> None:
        """Drop what waits, counted."""
        self._dropped += len(self._inbox)
        self._inbox.clear()
        if self._inputs is not None:
            self._inputs.clear()

    def drain_commands(self, tick: int) -> Iterator[Any]:
        """Yield the commands for the next tick in seq order, each acknowledged as it is given."""
        while self._inbox:
            yield self._note_applied(self._inbox.pop(0), tick)

    def next_input(
        self, tick: int, begun_s: float, idle_ticks: int, *, repeats: bool
    ) -> tuple[bool, Any]:
        """Return whether an input is due at ``tick``, and which: None if it shall be neutral.

        None is due before the first.  ``begun_s``: when the tick began (0.0: unknown).  If nothing
        came, the last one goes on for ``idle_ticks`` where it ``repeats``.
        """
        inputs = self._inputs
        assert inputs is not None
        entry = inputs.take(tick)
        if entry is not None:
            if begun_s and entry[4]:
                wait_s = begun_s - entry[4]
                self.input_times.waits_s.append(wait_s)
                self._waiting.times.waits_s.append(wait_s)
                if not self._untold_s:
                    self._untold_s = begun_s
            return True, self._note_applied(entry, tick)
        if inputs.applied is None:
            return False, None
        if inputs.silent_ticks > idle_ticks:
            return True, None
        inputs.idle_ticks += 1
        return True, inputs.applied[5] if repeats else None

    def _note_applied(self, entry: Input, tick: int) -> Any:
        self._applied = entry
        self._applied_tick = tick
        # A refused one may have been acknowledged before one that was sent earlier and waited.
        if entry[1] > self._seat.command_seq:
            self._seat.command_seq = entry[1]
        return entry[5]

    def note_published(self, tick: int, sent_s: float) -> None:
        """Deltas of ``tick`` have been written, the last of them at ``sent_s``.

        Less the time that the simulation took, which is a stage of its own.
        """
        if self._untold_s and self._seat.posted_tick == tick:
            send_s = sent_s - self._untold_s
            self._untold_s = 0.0
            self.input_times.sends_s.append(send_s)
            self._waiting.times.sends_s.append(send_s)

    # ------------------------------------------------------------ what its screen showed

    def claim(self, tick: int) -> tuple[int, int]:
        """Return what its screen shows at ``tick`` and when it said so, both as of ``tick``.

        The first in parts of a tick (0: unknown), the second a tick.  When no command came since,
        the screen is taken to have gone on.
        """
        if self._applied is None:
            return 0, tick
        _, _, shown, arrived, _, _ = self._applied
        since = tick - self._applied_tick
        return shown and shown + since * SHOWN_PER_TICK, arrived + since
