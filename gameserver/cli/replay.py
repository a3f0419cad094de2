"""``gameserver replay``: the contents of a journal, and its room played again.

Owns the command's arguments and its progress; ``gameserver/state/journal`` reads and plays, and
``replay_output.py`` prints.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Final

import attrs
from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gameserver.cli.errors import UsageError
from gameserver.cli.flags import NO_FLAGS, ConfigFile, Flags
from gameserver.cli.pages import page_setting
from gameserver.cli.replay_output import Series, show_series, show_summary
from gameserver.cli.room_names import load_room
from gameserver.cli.serving import serve_rooms
from gameserver.config import Settings
from gameserver.errors import JournalError, LocalProtocolError
from gameserver.ops.output import unfailing_output
from gameserver.room import Room
from gameserver.simulation.recording import Stepped
from gameserver.state.journal.probe import Probe
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Check, Header
from gameserver.state.journal.replay import Mismatch, check_game
from gameserver.state.journal.replay import replay as play
from gameserver.state.journal.replay_room import Recording, replay_room
from gameserver.state.journal.summary import summarise

#: Exit codes of ``--verify`` if a state differs, and of a command that Ctrl-C ended.
DIFFERS: Final = 1
INTERRUPTED: Final = 130


def replay(
    file: Annotated[pathlib.Path, Parameter(help="A journal, as --journal wrote it.")],
    *,
    verify: Annotated[
        bool, Parameter(help="Play it, and compare every state that it has a hash of.", negative="")
    ] = False,
    to_tick: Annotated[int | None, Parameter(help="Play no further than this tick.")] = None,
    fields: Annotated[
        tuple[str, ...],
        Parameter(
            name="--print", help="A field to print over time: Ship.hp, Ship:12.hp, Arena.name."
        ),
    ] = (),
    every: Annotated[int | None, Parameter(help="Print each so many ticks; by default, 1 s.")] = (
        None
    ),
    plot: Annotated[bool, Parameter(help="Plot instead of a table.", negative="")] = False,
    room: Annotated[
        str | None, Parameter(help="The room as module:Class, if it has moved since.")
    ] = None,
    serve: Annotated[
        bool, Parameter(help="Serve it, to watch it in the page or any client.", negative="")
    ] = False,
    config: ConfigFile = None,
    flags: Flags = NO_FLAGS,
) -> None:
    """Show what the journal of a room holds, or play it again."""
    if every is not None and every < 1:
        raise UsageError("--every: at least 1")
    if plot and not fields:
        raise UsageError("--plot needs --print, which says what to plot")
    console = Console()
    try:
        with _opened(file) as stream:
            if serve:
                _serve(file, stream, room, flags.settings(config), console)
                code = 0
            elif verify or fields or to_tick is not None:
                code = _Playing(file, stream, room, console).run(fields, to_tick, every, plot=plot)
            else:
                code = _summarise(file, stream, console)
    except JournalError as error:
        raise JournalError(f"{file}: {error}") from error
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; nothing was changed")
        code = INTERRUPTED
    sys.exit(code)


def _serve(
    file: pathlib.Path, stream: BinaryIO, room: str | None, settings: Settings, console: Console
) -> None:
    """Serve a room that shows the journal, under the kind that its room had."""
    reader = JournalReader(stream)
    game = _room_class(reader.header, room)
    with _progress(file, "reading") as advance:
        recording = Recording(reader, lambda: advance(reader.read_bytes))
    kind, _, _ = reader.header.label.partition("/")
    room_class = replay_room(recording, game)
    if settings.page is None:
        settings = attrs.evolve(settings, **page_setting([room_class]))
    with unfailing_output():
        serve_rooms({kind: room_class}, settings, console)


@contextlib.contextmanager
def _opened(file: pathlib.Path) -> Iterator[BinaryIO]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    with stream:
        yield stream


def _summarise(file: pathlib.Path, stream: BinaryIO, console: Console) -> int:
    reader = JournalReader(stream)
    with _progress(file, "reading") as advance:

        def records() -> Iterator[Any]:
            for record in reader:
                yield record
                advance(reader.read_bytes)

        summary = summarise(reader.header, records())
    show_summary(console, summary, file, reader.tail)
    return 0


@contextlib.contextmanager
def _progress(file: pathlib.Path, what: str) -> Iterator[Any]:
    """Show the progress of reading ``file`` on standard error, if that is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=max(file.stat().st_size, 1), note="")
        shown_s = 0.0

        def advance(read_bytes: int, note: str = "") -> None:
            nonlocal shown_s
            now_s = time.monotonic()
            if now_s - shown_s > 0.1:
                shown_s = now_s
                progress.update(task, completed=read_bytes, note=note)

        yield advance


class _Playing:
    """One journal that is played."""

    def __init__(
        self, file: pathlib.Path, stream: BinaryIO, room: str | None, console: Console
    ) -> None:
        self._file = file
        self._console = console
        self._reader = JournalReader(stream)
        self._room = _room_class(self._reader.header, room)

    def run(
        self, fields: tuple[str, ...], to_tick: int | None, every: int | None, *, plot: bool
    ) -> int:
        try:
            series = [Series(name, Probe.of(name, self._room)) for name in fields]
            return self._run(series, to_tick, every or self._reader.header.tick_rate, plot=plot)
        except LocalProtocolError as error:
            raise UsageError(str(error)) from error

    def _run(self, series: list[Series], to_tick: int | None, every: int, *, plot: bool) -> int:
        began_s, first_tick, tick, checks = time.perf_counter(), None, 0, 0
        mismatch: Mismatch | None = None
        with _progress(self._file, "playing") as advance:
            for playing, record, mismatch in play(self._room, self._reader, until_tick=to_tick):
                tick = playing.room.tick_number
                first_tick = tick if first_tick is None else first_tick
                if mismatch is not None:
                    break
                checks += isinstance(record, Check)
                if isinstance(record, Stepped) and tick % every == 0:
                    for one in series:
                        one.read(tick, playing.room)
                    advance(self._reader.read_bytes, f"tick {tick}")
        took_s = time.perf_counter() - began_s
        for one in series:
            show_series(self._console, one, self._reader.header.tick_rate, plot=plot)
        return self._report(mismatch, (first_tick or 0, tick), checks, took_s)

    def _report(
        self, mismatch: Mismatch | None, ticks: tuple[int, int], checks: int, took_s: float
    ) -> int:
        say = self._console.print
        first, last = ticks
        length_s = (last - first) / self._reader.header.tick_rate
        if mismatch is not None:
            say(f"{self._file}: {mismatch}", markup=False, highlight=False, soft_wrap=True)
            return DIFFERS
        speed = f", {length_s / took_s:.0f} × real time" if took_s and length_s else ""
        say(
            f"ticks {first} to {last}: all {checks} states are equal "
            f"({length_s:.1f} s of play in {took_s:.1f} s{speed})",
            highlight=False,
            soft_wrap=True,
        )
        if (tail := self._reader.tail) is not None:
            say(f"the journal ends there: {tail}", highlight=False, soft_wrap=True)
        return 0


def _room_class(header: Header, target: str | None) -> type[Room]:
    try:
        game = load_room(target or header.game)
    except UsageError as error:
        hint = "" if target else " (--room module:Class says where it is now)"
        raise UsageError(f"the room of this journal: {error}{hint}") from error
    check_game(game, header)
    return game
