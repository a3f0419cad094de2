"""Plays a journal: the same room again, tick by tick, with a comparison of its states.

Owns the effect of each record on a room, and the comparison with the checks.  Never reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

import attrs

from gameserver.errors import JournalError, LocalProtocolError, RemoteProtocolError, SnapshotError
from gameserver.protocol.latency import Latency
from gameserver.replication.events import Emission
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import NOWHERE
from gameserver.room import Room, give_storage
from gameserver.simulation.matchable import options_of
from gameserver.simulation.recording import (
    Commanded,
    Dropped,
    Finished,
    Joined,
    Left,
    Measured,
    MoveRefused,
    Overloaded,
    Paced,
    Published,
    Resumed,
    Said,
    StartedOver,
    Stepped,
)
from gameserver.simulation.stepper import HookFailure, Seated, Stepper
from gameserver.state.difference import (
    Difference,
    Facts,
    describe,
    first_difference,
    pack_facts,
    unpack_facts,
)
from gameserver.state.hash import state_hash
from gameserver.state.journal.no_storage import replay_storage
from gameserver.state.journal.records import (
    Check,
    Disagreed,
    Ended,
    Header,
    KeyFrame,
    Record,
    apply_changes,
)
from gameserver.state.parcel import unpack_value
from gameserver.state.restore import load
from gameserver.state.snapshot import capture
from gameserver.storage.store import Storage

R = TypeVar("R", bound=Room)

#: The two states that a difference is between.
_NAMES: Final = ("the journal", "the replay")
_NEVER_TICKS: Final = 1 << 40
#: Exceptions of the code below for a record whose content does not fit.
_MISFITS: Final = (
    *(LocalProtocolError, RemoteProtocolError, LookupError, TypeError, ValueError),
    *(AttributeError, OverflowError, AssertionError),
)


@attrs.frozen
class Mismatch:
    """The first check that a replay fails, and the first field that differs there.

    ``since_tick`` is the tick of the last check that agreed.  ``difference`` is None if the facts
    that the journal keeps are equal, although the hashes are not.
    """

    tick: int
    since_tick: int
    difference: Difference | None

    def __str__(self) -> str:
        span = f"tick {self.tick} (equal at {self.since_tick})"
        if self.difference is None:
            return f"{span}: the hashes differ, in no fact that the journal keeps"
        return f"{span}: {self.difference.said_of(*_NAMES)}"


class Replay(Generic[R]):
    """The room of a journal, beginning with ``key_frame``; give it the records that follow.

    The caller runs ``Room.on_load`` before the first record; it may read from ``storage``.
    ``JournalError`` if the key frame is none of ``room_class``.
    """

    def __init__(
        self, room_class: type[R], key_frame: KeyFrame, storage: Storage | None = None
    ) -> None:
        try:
            loaded = load(room_class, key_frame.snapshot)
        except (SnapshotError, LocalProtocolError) as error:
            raise JournalError(f"the key frame of tick {key_frame.tick}: {error}") from error
        self.stepper: Stepper[R] = loaded.stepper
        give_storage(loaded.room, replay_storage(storage))
        #: The ``shell`` that the recorder's caller keeps in key frames.
        self.shell: Final = loaded.shell
        # There are no clients; publishing only updates ``near``, ``seen_by`` and ids.
        self.publisher = Publisher(
            self.room.world, check_every_ticks=_NEVER_TICKS, quiet_ticks=_NEVER_TICKS
        )
        loaded.continue_publishing(self.publisher)
        for seated in self.stepper.seated.values():
            self.publisher.remove(seated.seat)
        #: The events of the last publish.
        self.emissions: list[Emission] = []
        #: Hooks that raised at the last record; the journal has the effects.
        self.failures: list[HookFailure] = []
        #: The texts of the last publish: the name of the speaker, and the text.
        self.texts: list[tuple[str, str]] = []
        self._key_frame = key_frame
        self._checks: list[Check] = []
        self._checked_tick = key_frame.tick

    @property
    def room(self) -> R:
        """The room, as of the last record."""
        return self.stepper.room

    def apply(self, record: Record) -> Mismatch | None:
        """Apply a record; return the mismatch if it is a check that fails.

        ``JournalError`` if the record does not fit this room.
        """
        match record:
            case Check():
                return self._compare(record)
            case KeyFrame():
                self._key_frame, self._checks = record, []
            case Header() | Ended() | Disagreed():
                pass
            case _:
                try:
                    self._do(record)
                    self.failures = self.stepper.take_failures()
                except _MISFITS as error:
                    raise JournalError(
                        f"tick {self.room.tick_number}: {type(record).__name__} does not fit the "
                        f"game: {error}"
                    ) from error
        return None

    def _do(self, record: Record) -> None:
        stepper = self.stepper
        match record:
            case Commanded(seat, seq, tick, rendered, arrived, command, values):
                stepper.expect(arrived)
                from_wire = self.room.world.schema.commands[command].from_wire
                self._seated(seat).commands.take(seq, from_wire(values), tick, rendered)
            case Stepped(tick):
                stepper.step(tick)
                stepper.take_moves()  # the journal has their effects
                stepper.calls.take_requests()  # and the results of these
            case Published(tick):
                self._publish(tick)
            case Measured(seat, figures):
                stepper.measured(self._seated(seat).player, Latency(*figures))
            case Joined(seat, name, identity, options):
                if seat in stepper.seated:
                    raise LookupError(f"seat {seat} is taken")
                read = None if options is None else options_of(type(self.room), options)
                stepper.join(seat, NOWHERE, name, identity, read)
            case Left(seat, reason):
                stepper.leave(self._seated(seat).player, reason)
            case Dropped(seat):
                stepper.drop(self._seated(seat).player)
            case Resumed(seat):
                stepper.resume(self._seated(seat).player)
            case StartedOver(seat):
                stepper.start_over(self._seated(seat))
            case Said(seat, text):
                stepper.hear(self._seated(seat).player, text)
            case Finished(number, result):
                stepper.finished(number, unpack_value(self.room, result))
            case Paced(pace, publish_interval, view_share):
                stepper.change_pace(pace, publish_interval, view_share)
                self.publisher.view_share = view_share
            case Overloaded(level):
                stepper.overloaded(level)
            case MoveRefused(seat, room, reason):
                stepper.refuse_move(self._seated(seat).player, room, reason)

    def _seated(self, seat: int) -> Seated:
        seated = self.stepper.seated.get(seat)
        if seated is None:
            raise LookupError(f"nobody sits in seat {seat}")
        return seated

    def _publish(self, tick: int) -> None:
        self.emissions = self.stepper.take_emissions()
        self.texts = [(said.name, said.text) for said in self.stepper.take_texts()]
        self.publisher.publish(tick, self.emissions)
        self.stepper.published(tick)

    # ------------------------------------------------------------ checks

    def _compare(self, check: Check) -> Mismatch | None:
        self._checks.append(check)
        captured = capture(self.stepper)
        if state_hash(captured) == check.hash:
            self._checked_tick = check.tick
            return None
        # As data from a journal, so that both values are shown alike.
        facts = unpack_facts(pack_facts(describe(captured)))
        difference = first_difference(self._facts_of_journal(), facts)
        return Mismatch(check.tick, self._checked_tick, difference)

    def _facts_of_journal(self) -> Facts:
        """Return the facts of the last check."""
        loaded = load(type(self.room), self._key_frame.snapshot)
        facts = unpack_facts(pack_facts(describe(capture(loaded.stepper))))
        for check in self._checks:
            apply_changes(facts, check)
        return facts


def begin(room_class: type[R], key_frame: KeyFrame) -> Replay[R]:
    """Return a replay whose room has run ``on_load``, which may wait for nothing here."""
    playing = Replay(room_class, key_frame)
    _finish(playing.room.on_load)
    return playing


def replay(
    room_class: type[R], records: Iterable[Record], *, until_tick: int | None = None
) -> Iterator[tuple[Replay[R], Record, Mismatch | None]]:
    """Play ``records``, whose first is a key frame; yield the replay after each, and the record.

    Ends before the first tick after ``until_tick``.
    """
    remaining = iter(records)
    first = next(remaining, None)
    if first is None:
        raise JournalError("there is nothing to play: it ends before its first key frame")
    if not isinstance(first, KeyFrame):
        raise JournalError("its first record is no key frame")
    playing = begin(room_class, first)
    yield playing, first, None
    for record in remaining:
        if isinstance(record, Stepped) and until_tick is not None and record.tick > until_tick:
            return
        yield playing, record, playing.apply(record)


def check_game(room_class: type[Room], header: Header) -> None:
    """Raise ``JournalError`` if a journal with this header is of another game, or another version.

    Only the version of the game that wrote a journal plays it alike, and a changed schema shows
    that this is another version.
    """
    if header.kind != room_class.__name__:
        raise JournalError(f"it is of a room {header.kind}, not of {room_class.__name__}")
    if header.schema_hash != room_class.schema().hash:
        raise JournalError(
            f"it is of another version of {header.game}, with other entities, commands or events"
        )


def _finish(hook: Callable[[], Any]) -> None:
    """Run ``on_load``, which may wait for nothing here."""
    coroutine = hook()
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise JournalError("on_load waits for something outside, which a replay does not have")
