"""A room that shows a journal: the played room's world, copied at every tick, for any client.

Owns the place in the journal (playing, paused, seeking), the copies of the entities, and the focus
of each viewer.  Viewers are spectators: they get the public fields of all entities and own none,
and the game's own commands have no effect.  The played room is a ``Replay`` without connections.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs

from gameserver.errors import JournalError
from gameserver.model.record import Record
from gameserver.model.schema import command, entity, number, synced
from gameserver.player import Player
from gameserver.replication.events import Point
from gameserver.room import Room
from gameserver.simulation.recording import Stepped
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Header, KeyFrame, unpack_record
from gameserver.state.journal.records import Record as JournalRecord
from gameserver.state.journal.replay import Replay, begin
from gameserver.state.journal.summary import Summary, summarise

#: How many ticks are played at one tick while seeking: the server answers pings in between.
SEEK_TICKS: Final = 20
#: Most marks of one kind of event; if there are more, some are left out evenly.
MAX_MARKS: Final = 400
#: Ids of the replay's own entities begin here; entities of the game keep their ids.
_FIRST_OWN_ID: Final = 1 << 30
_FAR: Final = float(1 << 40)


@entity
class ReplayClock:
    """The place of the replay in the journal, in ticks."""

    tick: int = synced(0)
    first_tick: int = synced(0)
    last_tick: int = synced(0)
    tick_rate: int = synced(0)
    #: ``playing``, ``paused`` or ``seeking``.
    state: str = synced("playing")
    speed: float = synced(1.0, step=1 / 4)


@entity
class ReplayMarks:
    """The ticks at which events of one class happened."""

    event: str = synced("")
    ticks: tuple[int, ...] = synced(())


@entity
class ReplayPlayer:
    """A player in the room at this tick; ``entity`` is the id of the entity it steers, or 0."""

    seat: int = synced(0)
    name: str = synced("")
    entity: int = synced(0)


@command
class ReplayControl:
    """Play or pause, at ``speed`` times the pace of the game."""

    paused: bool = False
    speed: float = number(0.25, 16.0, default=1.0, step=1 / 4)


@command
class ReplaySeek:
    """Go on at this tick."""

    tick: int = number(0, 1 << 50)


@command
class ReplayFollow:
    """Follow the view of the player in this seat; 0: stay at the last place."""

    seat: int = number(0, 1 << 20)


@command
class ReplayLook:
    """Look at a point, and follow nobody."""

    x: float = number(-_FAR, _FAR)
    y: float = number(-_FAR, _FAR)


REPLAY_CLASSES: Final = (
    *(ReplayClock, ReplayMarks, ReplayPlayer),
    *(ReplayControl, ReplaySeek, ReplayFollow, ReplayLook),
)


class Recording:
    """A whole journal in memory, as bytes, with the places of its key frames.

    ``advance`` is called for each record, to show progress.
    """

    def __init__(self, reader: JournalReader, advance: Callable[[], None] = lambda: None) -> None:
        self._advance = advance
        self._payloads: list[bytes] = []
        #: Ticks of the key frames, and the index of each.
        self._key_ticks: list[int] = []
        self._key_indices: list[int] = []
        self.header: Final[Header] = reader.header
        self.summary: Final[Summary] = summarise(reader.header, self._records(reader))
        if not self._key_ticks:
            raise JournalError("there is nothing to play: it has no key frame")

    def _records(self, reader: JournalReader) -> Iterator[JournalRecord]:
        for record in reader:
            if isinstance(record, KeyFrame):
                self._key_ticks.append(record.tick)
                self._key_indices.append(len(self._payloads))
            self._payloads.append(reader.payload)
            self._advance()
            yield record

    def __len__(self) -> int:
        return len(self._payloads)

    def __getitem__(self, index: int) -> JournalRecord:
        return unpack_record(self._payloads[index])

    def key_frame_before(self, tick: int) -> int:
        """Return the index of the last key frame up to ``tick``, or of the first one."""
        return self._key_indices[max(0, bisect_right(self._key_ticks, tick) - 1)]

    def marks(self) -> dict[str, tuple[int, ...]]:
        """Return the ticks of events by class name, thinned out."""
        return {name: _thinned(ticks) for name, ticks in sorted(self.summary.events.items())}


def _thinned(ticks: list[int]) -> tuple[int, ...]:
    distinct = sorted(set(ticks))
    step = -(-len(distinct) // MAX_MARKS)
    return tuple(distinct[::step]) if step > 1 else tuple(distinct)


class Playback:
    """Plays ``recording`` of a room of the class ``game``, forwards from any tick."""

    def __init__(self, recording: Recording, game: type[Room]) -> None:
        self._recording = recording
        self._game = game
        self._index = 0
        self.replay: Replay[Room]
        self.restart(0)

    @property
    def tick(self) -> int:
        """The tick that was played last."""
        return self.replay.room.tick_number

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._index >= len(self._recording)

    def restart(self, tick: int) -> None:
        """Begin anew at the last key frame up to ``tick``."""
        index = self._recording.key_frame_before(tick)
        key_frame = self._recording[index]
        assert isinstance(key_frame, KeyFrame)
        self.replay = begin(self._game, key_frame)
        self._index = index + 1
        self._apply_until_step()

    def play_tick(self) -> None:
        """Play one tick, and the records between it and the next."""
        if not self.at_end:
            self.replay.apply(self._recording[self._index])
            self._index += 1
            self._apply_until_step()

    def _apply_until_step(self) -> None:
        while not self.at_end:
            record = self._recording[self._index]
            if isinstance(record, Stepped):
                return
            self.replay.apply(record)
            self._index += 1


@attrs.define
class _Copy:
    """A copy of an entity; ``values`` are the wire values that it was copied with."""

    kind: int
    copy: Any
    values: tuple[Any, ...] = ()
    #: Where the original was at the tick before, and where it is; None: nowhere.
    before: Point | None = None
    now: Point | None = None
    #: Whether the copy is on its way between the two.
    between: bool = False


class ReplayRoom(Room):
    """Shows ``recording``; ``replay_room`` makes a class for one journal."""

    recording: ClassVar[Recording]
    game: ClassVar[type[Room]]

    journaled = False
    max_players = 64

    def on_create(self) -> None:
        """Begin at the first key frame."""
        recording = self.recording
        self.playing = Playback(recording, self.game)
        self.copies: dict[int, _Copy] = {}
        self.seats: dict[int, ReplayPlayer] = {}
        #: Seat of a viewer → seat of the player that it follows.
        self.followed: dict[int, int] = {}
        self.paused, self.speed = False, 1.0
        #: The tick to seek to; None while playing.
        self.sought: int | None = None
        #: How much of the next tick has passed.
        self.passed = 0.0
        self.world._next_id = _FIRST_OWN_ID
        summary = recording.summary
        self.clock = self._spawn_own(
            ReplayClock(
                first_tick=summary.first_tick,
                last_tick=summary.last_tick,
                tick_rate=recording.header.tick_rate,
            )
        )
        for name, ticks in recording.marks().items():
            self._spawn_own(ReplayMarks(name, ticks))
        self._show()

    def on_join(self, player: Player) -> None:
        """Let a viewer follow the first player."""
        self.followed[player.seat] = min(self.playing.replay.room.players, default=0)
        player.focus = (0.0, 0.0)
        self._look(player)

    def on_leave(self, player: Player, reason: str) -> None:  # noqa: ARG002 - as the hook is
        """Forget the view of a viewer."""
        self.followed.pop(player.seat, None)

    def on_command(self, player: Player, command: Any) -> None:
        """Control the replay; the game's own commands have no effect."""
        match command:
            case ReplayControl():
                self.paused, self.speed = command.paused, command.speed
                if not command.paused and self.playing.at_end:
                    self._seek(self.clock.first_tick)
            case ReplaySeek():
                self._seek(command.tick)
            case ReplayFollow():
                self.followed[player.seat] = command.seat
            case ReplayLook():
                self.followed[player.seat] = 0
                player.focus = (command.x, command.y)

    def on_say(self, player: Player, text: str) -> str | None:  # noqa: ARG002 - as the hook is
        """Let viewers talk to each other."""
        return text

    def tick(self) -> None:
        """Play the ticks that are due, and show them."""
        if self.sought is not None:
            self._seek_on(self.sought)
        elif not self.paused:
            self.passed += self.speed
            while self.passed >= 1 and not self.playing.at_end:
                self.passed -= 1
                self._leave_tick()
                self.playing.play_tick()
                self._tell()
            if self.playing.at_end:
                self.paused, self.passed = True, 0.0
        if self.sought is None:
            self._show()
        clock = self.clock
        clock.tick, clock.speed = self.playing.tick, self.speed
        clock.state = self._state()
        for player in self.players.values():
            self._look(player)

    def _state(self) -> str:
        if self.sought is not None:
            return "seeking"
        return "paused" if self.paused else "playing"

    # ------------------------------------------------------------ seeking

    def _seek(self, tick: int) -> None:
        tick = max(self.clock.first_tick, min(tick, self.clock.last_tick))
        self.sought, self.passed = tick, 0.0
        recording = self.recording
        ahead = recording.key_frame_before(tick) > self.playing._index
        if tick < self.playing.tick or ahead:
            self.playing.restart(tick)

    def _seek_on(self, tick: int) -> None:
        for _ in range(SEEK_TICKS):
            if self.playing.at_end or self.playing.tick >= tick:
                self.sought = None
                return
            self.playing.play_tick()

    # ------------------------------------------------------------ showing the state

    def _tell(self) -> None:
        """Pass on the events and texts of the tick that was played, but for private events."""
        replay = self.playing.replay
        for emission in replay.emissions:
            if emission.seat is None:
                self.emit(emission.event, at=emission.points)
        for name, text in replay.texts:
            self.say(f"{name}: {text}" if name else text)
        replay.emissions, replay.texts = [], []

    def _show(self) -> None:
        """Make the copies equal to the played world."""
        records = self.playing.replay.room.world.records
        gone = set()
        for entity_id, shown in list(self.copies.items()):
            now = records.get(entity_id)
            if now is None or now.kind != shown.kind:
                del self.copies[entity_id]
                self.despawn(shown.copy)
                gone.add(entity_id)
        for entity_id, record in records.items():
            # An id that left enters again at the next publish: one publish cannot do both.
            # An entity spawned since the last publish of the played room has no values yet.
            if entity_id not in gone and (record.values or not record.spec.fields):
                self._show_entity(entity_id, record)
        self._show_players(self.playing.replay.room.players)

    def _show_entity(self, entity_id: int, record: Record) -> None:
        shown = self.copies.get(entity_id)
        if shown is None:
            shown = self.copies[entity_id] = _Copy(record.kind, _blank(record.entity))
            _copy_fields(record, shown.copy)
            self._spawn_as(entity_id, shown.copy)
        elif shown.between or shown.values is not record.values:
            _copy_fields(record, shown.copy)
            shown.between = False
        shown.values = record.values
        if record.spec.at:
            shown.now = self._position(record.entity)
            if self.speed < 1 and not self.paused:
                self._place_between(shown)

    def _leave_tick(self) -> None:
        """Note where everything was, for a replay in slow motion."""
        for shown in self.copies.values():
            shown.before = shown.now

    def _place_between(self, shown: _Copy) -> None:
        """Move a copy on its way to where it is at the tick that was played last."""
        if shown.before is None or shown.now is None or shown.before == shown.now:
            return
        shown.between = True
        names = self.world.position_names(type(shown.copy))
        for name, was, now in zip(names, shown.before, shown.now, strict=True):
            place = was + (now - was) * self.passed
            setattr(shown.copy, name, round(place) if type(now) is int else place)

    def _show_players(self, players: Mapping[int, Player]) -> None:
        for seat in [seat for seat in self.seats if seat not in players]:
            self.despawn(self.seats.pop(seat))
        for seat, player in players.items():
            shown = self.seats.get(seat)
            if shown is None:
                shown = self.seats[seat] = self._spawn_own(ReplayPlayer(seat))
            steered = player.entity
            shown.name = player.name
            shown.entity = 0 if steered is None else self.playing.replay.room.id_of(steered)

    def _look(self, viewer: Player) -> None:
        """Give a viewer the view of the player that it follows."""
        followed = self.playing.replay.room.players.get(self.followed.get(viewer.seat, 0))
        if followed is None:
            return
        if followed.focus is not None:
            viewer.focus = followed.focus
        elif (steered := followed.entity) is not None and self._position(steered) is not None:
            viewer.focus = self._position(steered)

    def _position(self, of: Any) -> tuple[float, float] | None:
        kind = self.world.schema.kinds[type(of)]
        if not self.world.schema.entities[kind].at:
            return None
        x, y = self.world.position_names(type(of))
        return getattr(of, x), getattr(of, y)

    # ------------------------------------------------------------ ids

    def _spawn_as(self, entity_id: int, of_game: Any) -> None:
        """Spawn a copy under the id of its original, by which other entities name it."""
        world = self.world
        free, world._free = world._free, [entity_id]
        self.spawn(of_game)
        world._free = free

    def _spawn_own(self, own: Any) -> Any:
        """Spawn an entity of the replay itself, under an id that no game has."""
        world = self.world
        world._free = []
        return self.spawn(own)


def _blank(original: Any) -> Any:
    """Return an entity of the same class with no field set."""
    copy = object.__new__(type(original))
    object.__setattr__(copy, "_record", None)
    return copy


def _copy_fields(record: Record, copy: Any) -> None:
    original = record.entity
    for field in (*record.spec.fields, *record.spec.owner_fields):
        setattr(copy, field.name, getattr(original, field.name))


def replay_room(recording: Recording, game: type[Room]) -> type[Room]:
    """Return a class of rooms that show ``recording``, which is of a room of the class ``game``."""
    classes = (*game.schema().kinds, *REPLAY_CLASSES)
    return type(
        "Replayed",
        (ReplayRoom,),
        {
            "__module__": ReplayRoom.__module__,
            "recording": recording,
            "game": game,
            "classes": classes,
            "tick_rate": game.tick_rate,
            "view": game.view,
        },
    )
