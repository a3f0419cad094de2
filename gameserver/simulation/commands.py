"""The commands of one seat on their way from the wire into a tick.

Owns the two queues of a seat: *inputs*, one for each tick (``inputs.py``), and all other commands,
which are applied at the next tick.  Never calls the hooks of a game: ``stepper.py`` does, in the
order that this file gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gameserver.model.schema import Schema
from gameserver.player import Player, Screen
from gameserver.replication.seat import Seat
from gameserver.simulation.input_times import (
    NO_TIMES,
    WINDOW_PLAYER,
    InputTimes,
    RoomInputTimes,
    SeatInputTimes,
)
from gameserver.simulation.inputs import Input, InputBuffer
from gameserver.simulation.recording import Commanded, Recorder

#: How many commands of one seat may wait for the next tick: the most that a resuming client sends
#: again.  Overflow policy ``drop-oldest``, counted in ``Commands.dropped``.
MAX_WAITING_COMMANDS: Final = 256


class RoomCommands:
    """Settings and counters that the command queues of one room share."""

    __slots__ = ("input_class", "recorder", "schema", "times", "upcoming_tick", "waiting")

    def __init__(self, input_class: type | None, schema: Schema) -> None:
        #: ``Room.input``.
        self.input_class: Final = input_class
        self.schema: Final = schema
        #: Gets everything that comes into the room, or None.
        self.recorder: Recorder | None = None
        #: Seats with commands for the next tick; a tick looks at no others for them.
        self.waiting: list[Commands] = []
        #: The first tick that a command read now can be for.
        self.upcoming_tick = 1
        self.times: Final = RoomInputTimes()


class Commands:
    """The commands of ``player``."""

    __slots__ = (
        "_dropped",
        "_inbox",
        "_inputs",
        "_room",
        "_screen",
        "_seat",
        "_stale",
        "newest_seq",
        "number",
        "player",
        "recorder",
        "times",
    )

    def __init__(self, player: Player, seat: Seat, screen: Screen, room: RoomCommands) -> None:
        self.player: Final = player
        #: That of the seat.
        self.number: Final = seat.number
        #: The seq of the newest command that has come; 0: none has.
        self.newest_seq = 0
        #: The recorder of the room while the player is in its seat, else None.
        self.recorder: Recorder | None = None
        takes_inputs = room.input_class is not None
        self.times: Final = SeatInputTimes(
            seat, room.times, InputTimes(WINDOW_PLAYER) if takes_inputs else NO_TIMES
        )
        self._seat = seat
        self._screen = screen
        self._room = room
        #: A list: it is short, and an empty deque takes ten times the memory.
        self._inbox: list[Input] = []
        #: None where the room has no ``input``.
        self._inputs = InputBuffer() if takes_inputs else None
        self._dropped = 0
        self._stale = 0

    # ------------------------------------------------------------ counters

    @property
    def late(self) -> int:
        """Inputs that came after their tick."""
        return 0 if self._inputs is None else self._inputs.late

    @property
    def early(self) -> int:
        """Inputs refused because their tick was too far ahead."""
        return 0 if self._inputs is None else self._inputs.early

    @property
    def duplicate(self) -> int:
        """Commands refused because their seq, or an input for their tick, had come before."""
        return self._stale + (0 if self._inputs is None else self._inputs.duplicate)

    @property
    def dropped(self) -> int:
        """Commands that were accepted but never applied."""
        return self._dropped + (0 if self._inputs is None else self._inputs.dropped)

    @property
    def idle_ticks(self) -> int:
        """Ticks without an input, in the first ``Room.idle_repeat_ticks`` of a gap.

        A longer silence is taken to be intended.
        """
        return 0 if self._inputs is None else self._inputs.idle_ticks

    # ------------------------------------------------------------ in

    def take(
        self,
        seq: int,
        command: Any,
        tick: int = 0,
        rendered: int = 0,
        read_s: float = 0.0,
        wire: Sequence[Any] | None = None,
    ) -> None:
        """Queue a checked command for its tick.

        ``tick`` and ``rendered`` as on the wire; ``read_s`` is when it was read (0.0: unknown).
        ``wire`` holds the wire values of ``command`` for a recorder, if the caller has them.
        """
        if seq <= self.newest_seq:
            self._stale += 1
            return
        self.newest_seq = seq
        room = self._room
        upcoming = room.upcoming_tick
        if self.recorder is not None:
            kind = room.schema.kinds[command.__class__]
            if wire is None:
                wire = room.schema.commands[kind].to_wire(command)
            self.recorder.record(Commanded(self.number, seq, tick, rendered, upcoming, kind, wire))
        entry = Input(tick, seq, rendered, upcoming, read_s, command)
        if self._inputs is not None and command.__class__ is room.input_class:
            if tick:
                self._seat.margin = tick - upcoming
            if not self._inputs.put(entry):
                self._seat.command_seq = seq
            return
        if not self._inbox:
            room.waiting.append(self)
        elif len(self._inbox) == MAX_WAITING_COMMANDS:
            del self._inbox[0]
            self._dropped += 1
        self._inbox.append(entry)

    def discard(self) -> None:
        """Drop and count all waiting commands."""
        self._dropped += len(self._inbox)
        self._inbox.clear()
        if self._inputs is not None:
            self._inputs.clear()

    def start_over(self) -> None:
        """Start over at seq 1, for another client in this seat."""
        self.discard()
        self.newest_seq = self._seat.command_seq = 0
        self._screen.claim = None

    # ------------------------------------------------------------ out

    def next_command(self, tick: int) -> Any:
        """Return the next command in seq order, which is now acknowledged; None if none waits."""
        return self._note_applied(self._inbox.pop(0), tick) if self._inbox else None

    def next_input(self, tick: int, idle_ticks: int, *, repeats: bool) -> tuple[bool, Any]:
        """Return whether an input is due at ``tick``, and which one: None for a neutral one.

        No input is due before the first.  Where none has come, the last one is repeated for
        ``idle_ticks`` if ``repeats`` is true.
        """
        inputs = self._inputs
        assert inputs is not None, "only rooms with an input class ask for inputs"
        entry = inputs.take(tick)
        if entry is not None:
            self.times.note_applied(entry.read_s)
            return True, self._note_applied(entry, tick)
        if inputs.applied is None:
            return False, None
        if inputs.silent_ticks > idle_ticks:
            return True, None
        inputs.idle_ticks += 1
        return True, inputs.applied.command if repeats else None

    def _note_applied(self, entry: Input, tick: int) -> Any:
        screen, seq = self._screen, entry.seq
        screen.claim, screen.applied_tick = entry, tick
        # A refused input may have been acknowledged before an earlier one that waited.
        if seq > self._seat.command_seq:
            self._seat.command_seq = seq
        return entry.command
