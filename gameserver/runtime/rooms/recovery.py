"""Recovers durable rooms from their journals, before the server takes connections.

Owns the choice of the journals, and the mark of those that must not be chosen.  Each is played from
its newest key frame to its last whole record.  ``state/journal`` reads and plays; ``lobby.py``
gives a recovered room its task.  A journal that cannot be played stays where it is, and the log
says why.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs
import structlog
import trio

from gameserver.errors import GameServerError, JournalError
from gameserver.room import Room
from gameserver.runtime.rooms.journals import KEPT_SUFFIX, OVER_SUFFIX, SUFFIX
from gameserver.simulation.stepper import Stepper
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Ended, Header, KeyFrame, Record
from gameserver.state.journal.replay import Replay
from gameserver.storage.store import Storage

log = structlog.get_logger(__name__)

#: The end of a journal whose server stopped: the room is not over.
SUSPENDED: Final = "suspended"
#: Records that are played before other tasks get a turn.
RECORDS_PER_TURN: Final = 2000


@attrs.frozen(eq=False)
class Recovered:
    """A recovered room, between two ticks."""

    label: str
    stepper: Stepper[Room]
    #: The tick of the last publish.
    published_tick: int
    #: Grows with every recovery of the room.
    epoch: int
    #: Names the room in resume tokens (``Roster.incarnation``).
    incarnation: str
    #: Whether clients that know the room's state read it by the schema that it still has.
    same_schema: bool = True
    #: Whether the room goes on in its server, and its players are connected.
    in_place: bool = False


@attrs.frozen
class _Part:
    """One file of a journal."""

    header: Header
    path: pathlib.Path


@attrs.frozen
class _Play:
    """The newest key frame of a file and the records after it."""

    key_frame: KeyFrame
    records: list[Record]


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
            play = await trio.to_thread.run_sync(_read, part.path)
            if play is None:  # the process ended before the first key frame was whole
                continue
            if _is_over(play.records):
                return None
            return await _play(cls, part, play, storage)
        except GameServerError as error:
            _set_aside(part, str(error))
        except Exception as error:  # noqa: BLE001 - the game's: the other rooms are recovered
            _set_aside(part, f"{type(error).__name__}: {error}", error)
    return None


def _set_aside(part: _Part, why: str, error: Exception | None = None) -> None:
    """Keep a file that cannot be played, and say why; with the traceback of ``error``."""
    log.error(
        "a journal cannot be played",
        room=part.header.label,
        file=str(part.path),
        reason=why,
        exc_info=error,
    )
    with contextlib.suppress(OSError):
        part.path.with_suffix(KEPT_SUFFIX).write_text(f"{why}\n")


def _is_over(records: Iterable[Record]) -> bool:
    return any(isinstance(one, Ended) and one.reason != SUSPENDED for one in records)


async def _play(cls: type[Room], part: _Part, play: _Play, storage: Storage | None) -> Recovered:
    """Play a file.  If the game has changed, only the key frame is loaded, without its records."""
    header = part.header
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
        header.epoch + 1,
        str(incarnation),
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


# ---------------------------------------------------------------- files, in a thread


def _parts_by_label(folder: pathlib.Path) -> dict[str, list[_Part]]:
    """Return label → its files, oldest first."""
    parts: dict[str, list[_Part]] = {}
    for part in _readable(folder):
        parts.setdefault(part.header.label, []).append(part)
    for of_room in parts.values():
        of_room.sort(key=lambda part: (part.header.began_s, part.header.epoch, part.header.part))
    return parts


def _readable(folder: pathlib.Path) -> Iterator[_Part]:
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.name.endswith(OVER_SUFFIX):
            continue
        try:
            with path.open("rb") as file:
                yield _Part(JournalReader(file).header, path)
        except (OSError, GameServerError) as error:
            log.warning("a journal cannot be read", file=str(path), reason=str(error))


def mark_over(folder: pathlib.Path, label: str) -> None:
    """Keep a room from being recovered that is over, and whose journal could not say so.

    Renames all its files: a full disk allows that, and the newest file may not be readable.
    """
    for part in _parts_by_label(folder).get(label, ()):
        path = part.path
        over = path.with_suffix(OVER_SUFFIX)
        try:
            path.rename(over)
            if (kept := path.with_suffix(KEPT_SUFFIX)).exists():
                kept.rename(over.with_suffix(KEPT_SUFFIX))
        except OSError:
            log.exception("a room that is over may be recovered", room=label, file=str(path))


def _read(path: pathlib.Path) -> _Play | None:
    """Return the newest key frame of a file and the records after it; None without a key frame."""
    play: _Play | None = None
    with path.open("rb") as file:
        for record in JournalReader(file, lenient=True):
            if isinstance(record, KeyFrame):
                play = _Play(record, [])
            elif play is not None:
                play.records.append(record)
    return play
