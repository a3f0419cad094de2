"""Times the event loop from inside the server, and the stages of its work.

Owns the watch: a Trio instrument, a callback of the garbage collector, and wrappers around the
functions in ``MARKS``.  ``rooms.py`` begins it in the server that the study starts; no other
server has one.  Judges nothing: ``results.py`` does.

A *turn* of the loop lasts from one wait for input to the next.  Nothing is read, ticked or timed
while it lasts.  The time of a stage is *its own*: without that of the stages inside it.
"""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
import json
import pathlib
import resource
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs
import trio

#: Turns shorter than this are not kept.
SHORTEST_MS: Final = 1.0
COLLECTOR: Final = "garbage collector"
READ: Final = "reading"
STEP: Final = "step"
PUBLISH: Final = "publish"
#: Stages of the tick of one room.
OF_ROOMS: Final = (STEP, PUBLISH)
#: Module and name → the stage that it is.  Only what runs on the loop without awaiting.
MARKS: Final = {
    "gameserver.runtime.rooms.scheduler:TickScheduler._read_links": READ,
    "gameserver.runtime.rooms.room_task:RoomTask._tick": STEP,
    "gameserver.runtime.rooms.room_task:RoomTask._publish": PUBLISH,
    "gameserver.runtime.rooms.roster:Roster.join": "join",
    "gameserver.runtime.rooms.roster:Roster.leave": "leave",
    "gameserver.runtime.rooms.roster:Roster._drop": "drop",
    "gameserver.runtime.rooms.roster:Roster._reconnect": "resume",
    "gameserver.runtime.rooms.room_task:RoomTask._take_step": "overload",
    "gameserver.runtime.rooms.lobby:Lobby._make": "making a room",
    "gameserver.runtime.net.heartbeat:Heartbeat._ping_due": "pings",
    "gameserver.runtime.http.acceptor:Acceptor._accept_ready": "accept",
    "gameserver.runtime.http.request_policy:RequestPolicy.question": "request",
    "gameserver.runtime.http.messages:Site.answer": "request",
    "gameserver.runtime.server:exposition": "scrape",
    "gameserver.runtime.gc_policy:GcPolicy._sweep": "gc policy",
    "gameserver.runtime.gc_policy:GcPolicy._settle": "gc policy",
    "gameserver.runtime.gc_policy:GcPolicy._collect_all_if_due": "gc policy",
    "gameserver.runtime.net.tls:server_context": "files",
    "gameserver.runtime.net.tls:certificate_facts": "TLS",
    "ssl:SSLSocket.do_handshake": "TLS",
    "ssl:SSLObject.do_handshake": "TLS",
    "structlog._base:BoundLoggerBase._proxy_to_logger": "log",
}

#: Own time of a stage in ms: by the clock, and on the core.
Times: TypeAlias = tuple[float, float]


@attrs.frozen
class Turn:
    """One turn of the loop.  ``at_s`` is when it began, on the monotonic clock of the machine.

    ``waits``: how often the loop waited for something itself, a file or a lock, within the turn.
    Without such a wait, the time that it was not on the core was taken by others.  The stages of a
    room's tick have its label behind their names.
    """

    at_s: float
    took_ms: float
    core_ms: float
    waits: int
    stages: dict[str, Times]


@attrs.define
class _Open:
    """A stage that has begun and not ended."""

    stage: str
    began_ns: int
    began_core_ns: int
    #: Of the stages inside it.
    inside_ns: int = 0
    inside_core_ns: int = 0


@attrs.define
class Stages:
    """Own times of nested stages.  The clocks are arguments."""

    clock_ns: Callable[[], int] = time.perf_counter_ns
    core_ns: Callable[[], int] = time.thread_time_ns
    _open: list[_Open] = attrs.field(factory=list)
    _times_ns: dict[str, list[int]] = attrs.field(factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether a stage has begun and not ended."""
        return bool(self._open)

    def enter(self, stage: str) -> None:
        """Begin a stage, inside the one that is open."""
        self._open.append(_Open(stage, self.clock_ns(), self.core_ns()))

    def leave(self) -> None:
        """End the stage that began last."""
        ended = self._open.pop()
        took_ns = self.clock_ns() - ended.began_ns
        took_core_ns = self.core_ns() - ended.began_core_ns
        times = self._times_ns.setdefault(ended.stage, [0, 0])
        times[0] += took_ns - ended.inside_ns
        times[1] += took_core_ns - ended.inside_core_ns
        if self._open:
            self._open[-1].inside_ns += took_ns
            self._open[-1].inside_core_ns += took_core_ns

    def take(self) -> dict[str, Times]:
        """Return the times so far in ms, and begin anew."""
        times, self._times_ns = self._times_ns, {}
        return {stage: (wall / 1e6, core / 1e6) for stage, (wall, core) in times.items()}


class Watch(trio.abc.Instrument):
    """The watch over the loop of this thread; ``begin`` it within Trio."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._stages = Stages()
        self._thread = threading.get_ident()
        self._began_ns: int | None = None
        self._began_core_ns = 0
        self._waits = 0

    def begin(self) -> None:
        """Watch from now on."""
        for name in MARKS:
            self._mark(name)
        gc.callbacks.append(self._collecting)
        trio.lowlevel.add_instrument(self)

    def write(self, file: pathlib.Path) -> None:
        """Write all turns so far, one a line; the file is there once it is whole."""
        part = file.with_suffix(".part")
        with part.open("w") as out:
            for turn in self.turns:
                out.write(json.dumps(attrs.asdict(turn)) + "\n")
        part.rename(file)

    # ------------------------------------------------------------ the loop

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002
        """Begin a turn."""
        self._waits = _waits()
        self._began_core_ns = time.thread_time_ns()
        self._began_ns = time.perf_counter_ns()

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002
        """End a turn."""
        if self._began_ns is None:
            return
        took_ms = (time.perf_counter_ns() - self._began_ns) / 1e6
        stages = self._stages.take()
        if took_ms >= SHORTEST_MS:
            core_ms = (time.thread_time_ns() - self._began_core_ns) / 1e6
            waits = _waits() - self._waits
            self.turns.append(Turn(self._began_ns / 1e9, took_ms, core_ms, waits, stages))

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Begin the step of a task: what no stage inside it accounts for is the task's own."""
        if self._began_ns is not None:
            self._stages.enter(f"task {_short(task.name)}")

    def after_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002
        """End the step of a task."""
        if self._stages.is_open:
            self._stages.leave()

    # ------------------------------------------------------------ stages

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        if threading.get_ident() != self._thread or self._began_ns is None:
            return
        if phase == "start":
            self._stages.enter(f"{COLLECTOR}, generation {info['generation']}")
        else:
            self._stages.leave()

    def _mark(self, name: str) -> None:
        """Have the function of this name tell when it begins and ends."""
        owner, attribute, function = find(name)
        stage = MARKS[name]

        @functools.wraps(function)
        def marked(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._thread:
                return function(*args, **kwargs)
            self._stages.enter(f"{stage} {args[0].label}" if stage in OF_ROOMS else stage)
            try:
                return function(*args, **kwargs)
            finally:
                self._stages.leave()

        setattr(owner, attribute, marked)


def find(name: str) -> tuple[Any, str, Callable[..., Any]]:
    """Return where a function is that ``MARKS`` names, its name there, and itself.

    ``LookupError`` if it is not there, ``TypeError`` if it awaits: a stage must not.
    """
    module, _, path = name.partition(":")
    *parents, attribute = path.split(".")
    try:
        owner: Any = importlib.import_module(module)
        for parent in parents:
            owner = getattr(owner, parent)
        function = getattr(owner, attribute)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"there is no {name}") from error
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{name} awaits")
    return owner, attribute, function


def _short(name: str) -> str:
    """Return the name of a task without the package: its module and what is in it."""
    return name.removeprefix("gameserver.").removeprefix("runtime.")


def _waits() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
