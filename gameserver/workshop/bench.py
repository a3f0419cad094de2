"""Watches the author's files, and has running rooms and open pages follow every change.

Owns the order: import, trial, replacement of the rooms, message to the pages.  Code that cannot be
imported or fails its trial changes nothing: the rooms go on with the former code.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Final

import trio
from watchfiles import Change, DefaultFilter, awatch

from gameserver.runtime.serving import try_rooms
from gameserver.trial import TrialFailed
from gameserver.workshop.dev_server import DevServer
from gameserver.workshop.faults import Fault, fault_of
from gameserver.workshop.log_tap import tap_log
from gameserver.workshop.remade_steps import remake
from gameserver.workshop.source import Source, folders_of

#: Changes within this time are one change, as of an editor that saves all files.
DEBOUNCE_MS: Final = 60
STEP_MS: Final = 15
#: The thread that waits for changes cannot be cancelled; it asks this often whether to end.
THREAD_CHECK_MS: Final = 200

_IGNORED: Final = DefaultFilter()


class Bench:
    """A server whose rooms and pages follow the files.  ``say`` prints a line for the author."""

    def __init__(self, server: DevServer, source: Source, say: Callable[[str], None]) -> None:
        self._server = server
        self._source = source
        self._say = say
        page = server.settings.page
        self._page = None if page is None else page.resolve()

    async def run(self) -> None:
        """Follow changes, for ever."""
        channel = self._server.channel
        tap_log(self._server.settings.log_level, channel.tell, self._fault, self._source.is_own)
        while True:
            folders = self._folders()
            watching = awatch(
                *folders,
                watch_filter=_is_watched,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                rust_timeout=THREAD_CHECK_MS,
                recursive=False,
            )
            async with aclosing(watching) as changes:
                async for change in changes:
                    await self.take({pathlib.Path(path) for _, path in change})
                    if self._folders() != folders:
                        break

    async def take(self, paths: Iterable[pathlib.Path]) -> None:
        """Follow the change of these files."""
        page = {path for path in paths if self._is_of_page(path)}
        if any(path.suffix == ".py" for path in paths if path not in page):
            await self._follow_code()
        if page:
            self._server.page_changed()
            is_style = all(path.suffix == ".css" for path in page)
            self._server.channel.tell({"type": "style" if is_style else "page"})
            self._say(f"{_names(page)}: the page is new")

    def _folders(self) -> set[pathlib.Path]:
        folders = folders_of(self._source.files())
        if self._page is not None:
            folders |= {self._page, *(each for each in self._page.rglob("*") if each.is_dir())}
        return {folder for folder in folders if folder.is_dir()}

    def _is_of_page(self, path: pathlib.Path) -> bool:
        return self._page is not None and path.is_relative_to(self._page)

    # ------------------------------------------------------------ code

    async def _follow_code(self) -> None:
        began_s = time.perf_counter()
        source, former = self._source, self._source.modules()
        try:
            kinds = source.load_anew()
        except Exception as error:  # noqa: BLE001 - the author's module may raise anything
            self._fault(fault_of(error, "not imported", source.is_own))
            return
        try:
            await trio.to_thread.run_sync(try_rooms, list(kinds.values()))
            if self._page is not None:
                remake(self._page, source.modules())
        except Exception as error:  # noqa: BLE001 - a failed trial, or a step that is no step
            source.restore(former)
            title = "not served" if isinstance(error, TrialFailed) else type(error).__name__
            self._fault(fault_of(error, title, source.is_own))
            return
        ended = await self._server.lobby.replace(kinds)
        source.kinds = kinds
        took_ms = round((time.perf_counter() - began_s) * 1000)
        self._server.channel.greeting = {"type": "faults", "faults": []}
        self._server.channel.tell({"type": "code", "took_ms": took_ms, "ended": ended})
        on = len(self._server.lobby.rooms)
        rooms = "no room is open" if not on else f"{on} room{'s' * (on > 1)} went on with it"
        self._say(f"the code is new after {took_ms} ms; {rooms}")
        for label, why in ended.items():
            self._say(f"{label} begins again: {why}")

    def _fault(self, fault: Fault) -> None:
        """Show a fault on all pages until the next code that works, and in the terminal."""
        message = {"type": "faults", "faults": [fault.to_json()]}
        self._server.channel.greeting = message
        self._server.channel.tell(message)
        self._say(str(fault))


def _is_watched(change: Change, path: str) -> bool:
    return _IGNORED(change, path) and not path.endswith("~")


def _names(paths: Iterable[pathlib.Path]) -> str:
    return ", ".join(sorted({path.name for path in paths}))
