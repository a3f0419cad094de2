"""Recovers durable rooms from their journals, before anybody joins them.

Owns the choice of the journal.  It is played from its newest key frame to its last whole record.
``state/journal`` reads and plays; ``lobby.py`` gives a recovered room its task.  A journal that
cannot be played is set aside, and the log says why.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs
import structlog
import trio

from gameserver.errors import GameServerError, JournalError
from gameserver.room import Room
from gameserver.runtime.rooms.journal_files import headers_in, protect
from gameserver.runtime.rooms.room_journal import SUSPENDED
from gameserver.simulation.stepper import Stepper
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Ended, Header, KeyFrame, Record
from gameserver.state.journal.replay import Replay
from gameserver.storage.checkpoints import SetAside
from gameserver.storage.fences import Fence
from gameserver.storage.store import Storage

log = structlog.get_logger(__name__)

#: Records that are played before other tasks get a turn.
RECORDS_PER_TURN: Final = 2000


@attrs.frozen(eq=False)
class Recovered:
    """A recovered room, between two ticks."""

    label: str
    stepper: Stepper[Room]
    #: The tick of the last publish.
    published_tick: int
    #: Names the room in resume tokens (``Roster.incarnation``).
    incarnation: str
    #: The epoch of the journal that was played; 0: none was.
    epoch: int = 0
    #: Whether clients that know the room's state read it by the schema that it still has.
    same_schema: bool = True
    #: Whether the room goes on in its server, and its players are connected.
    in_place: bool = False
    #: The claim to the room, if it is kept in the storage.
    fence: Fence | None = None


@attrs.frozen
class _Part:
    """One file of a journal."""

    header: Header
    path: pathlib.Path

    @property
    def age(self) -> tuple[int, float, int]:
        """Greater for a newer part.  Clocks are set back, so a newer life has a higher epoch."""
        return self.header.epoch, self.header.began_s, self.header.part


@attrs.frozen
class _Play:
    """The newest key frame of a file and the records after it."""

    key_frame: KeyFrame
    records: list[Record]
    #: Where the journal is damaged, and why; the records after that cannot be read.
    damage: str | None = None


async def recover(
    folder: pathlib.Path, kinds: Mapping[str, type[Room]], storage: Storage | None = None
) -> list[Recovered]:
    """Return all durable rooms of ``kinds`` that had not ended.

    Their ``on_load`` reads from ``storage``.  Their earlier submissions are not submitted again.
    """
    durable = {kind: cls for kind, cls in kinds.items() if cls.durable}
    if not durable:
        return []
    recovered = []
    for label, parts in (await trio.to_thread.run_sync(_parts_by_label, folder)).items():
        cls = durable.get(label.partition("/")[0])
        if cls is not None and (room := await _recover_room(cls, parts, storage)):
            recovered.append(room)
    return recovered


async def _recover_room(
    cls: type[Room], parts: list[_Part], storage: Storage | None
) -> Recovered | None:
    """Return the room of the newest file that has a whole key frame."""
    for part in reversed(parts):
        try:
            play = await trio.to_thread.run_sync(_read_file, part.path)
            if play is None:  # the process ended before the first key frame was whole
                continue
            if play.damage is not None:
                _warn_of_damage(part.header.label, play.damage, file=str(part.path))
                protect(part.path, play.damage)
            if _is_over(play.records):
                return None
            return await _play(cls, part.header, play, storage)
        except Exception as error:  # noqa: BLE001 - perhaps the game's: other rooms are recovered
            protect(part.path, _told(part.header.label, error, file=str(part.path)))
    return None


async def recover_kept(
    cls: type[Room], fence: Fence, storage: Storage, room_storage: Storage | None = None
) -> Recovered | None:
    """Return the room that ``fence`` claims, if a journal of it is in the storage."""
    data = await storage.journal(fence.room)
    if data is None:
        return None
    try:
        reader = JournalReader(io.BytesIO(data), lenient=True)
        play = await trio.to_thread.run_sync(_read_whole, reader)
        if play.damage is not None:
            _warn_of_damage(fence.room, play.damage, fence=fence.number)
        if _is_over(play.records):
            return None
        room = await _play(cls, reader.header, play, room_storage)
        return attrs.evolve(room, fence=fence)
    except Exception as error:  # noqa: BLE001 - perhaps the game's: other rooms are recovered
        _told(fence.room, error, fence=fence.number)
        await storage.write(SetAside(fence), fence=fence)
        return None


def _warn_of_damage(label: str, damage: str, **where: object) -> None:
    log.warning(
        "a journal is damaged; the room is recovered up to there",
        room=label,
        **where,
        reason=damage,
    )


def _told(label: str, error: Exception, **where: object) -> str:
    """Log that a journal cannot be played, with the traceback of a game's error; return why."""
    known = isinstance(error, GameServerError)
    why = str(error) if known else f"{type(error).__name__}: {error}"
    log.error(
        "a journal cannot be played",
        room=label,
        **where,
        reason=why,
        exc_info=None if known else error,
    )
    return why


def _is_over(records: Iterable[Record]) -> bool:
    return any(isinstance(one, Ended) and one.reason != SUSPENDED for one in records)


async def _play(cls: type[Room], header: Header, play: _Play, storage: Storage | None) -> Recovered:
    """Play a journal.  If the game has changed, only its key frame is loaded, without records."""
    same_game = header.schema_hash == cls.schema().hash
    replay = await _begin(cls, play.key_frame, storage)
    if same_game:
        played = await _apply(replay, play.records)
        if played < len(play.records):  # the last one may have been applied in part
            replay = await _begin(cls, play.key_frame, storage)
            await _apply(replay, play.records[:played])
    log.info(
        "room recovered",
        room=header.label,
        tick=replay.room.tick_number,
        key_frame=play.key_frame.tick,
        players=len(replay.room.players),
        same_game=same_game,
    )
    incarnation = (replay.shell or {}).get("incarnation", "")
    return Recovered(
        header.label,
        replay.stepper,
        replay.publisher.published_tick,
        str(incarnation),
        header.epoch,
        same_schema=same_game,
    )


async def _apply(replay: Replay[Room], records: Sequence[Record]) -> int:
    """Play records until one does not fit; return how many did."""
    for number, record in enumerate(records):
        try:
            replay.apply(record)
        except Exception as error:  # noqa: BLE001 - the record does not fit, or the game raised
            reason = str(error) or type(error).__name__
            log.warning("a room is recovered up to here", room=replay.room.name, reason=reason)
            return number
        if number % RECORDS_PER_TURN == RECORDS_PER_TURN - 1:
            await trio.lowlevel.checkpoint()
    return len(records)


async def _begin(cls: type[Room], key_frame: KeyFrame, storage: Storage | None) -> Replay[Room]:
    replay = Replay(cls, key_frame, storage)
    try:
        await replay.room.on_load()
    except Exception as error:
        raise JournalError(f"on_load failed: {type(error).__name__}: {error}") from error
    return replay


# ---------------------------------------------------------------- reading, in a thread


def _parts_by_label(folder: pathlib.Path) -> dict[str, list[_Part]]:
    """Return label → its files, oldest first."""
    parts: dict[str, list[_Part]] = {}
    for header, path in headers_in(folder):
        parts.setdefault(header.label, []).append(_Part(header, path))
    for of_room in parts.values():
        of_room.sort(key=lambda part: part.age)
    return parts


def _read_file(path: pathlib.Path) -> _Play | None:
    with path.open("rb") as file:
        return _read(JournalReader(file, lenient=True))


def _read_whole(reader: JournalReader) -> _Play:
    play = _read(reader)
    if play is None:
        raise JournalError("it has no whole key frame")
    return play


def _read(reader: JournalReader) -> _Play | None:
    """Return the newest key frame and the records after it; None without a key frame.

    ``JournalError`` if it has none because it is damaged.
    """
    play: _Play | None = None
    for record in reader:
        if isinstance(record, KeyFrame):
            play = _Play(record, [])
        elif play is not None:
            play.records.append(record)
    if reader.tail is None or not reader.tail.damaged:
        return play
    if play is None:
        raise JournalError(str(reader.tail))
    return attrs.evolve(play, damage=str(reader.tail))
