"""The timers of a room: calls that a game wants at a later tick.

Owns the tick at which each call is due, and the check of the called method.  Never calls anything
and never reads a clock: ``simulation/stepper.py`` makes the calls, and time is the room's ticks.

A timer calls a method by its name in its class, because a snapshot can save that name.  A lambda or
a nested function has no such name, so it is refused at once; otherwise the room would fail only
later, when its server saves it.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Final

import attrs

from gameserver.errors import LocalProtocolError

#: Seconds that lie so little above a whole number of ticks are that many ticks: 0.1 s at 30 Hz is
#: 3.0000000000000004 of them.
_SLACK_TICKS: Final = 1e-6


@attrs.define(eq=False)
class Timer:
    """A call that is due at a tick; ``Room.after`` and ``Room.every`` return it.

    An attribute of the room may keep it: it is saved with the room.
    """

    #: The tick at which the call is due next; None once it is over or cancelled.
    due_tick: int | None
    #: Ticks from one call to the next; None: it calls once.
    period_ticks: int | None
    _method: Callable[..., object]
    _arguments: tuple[Any, ...]
    #: Timers that are due at one tick are called in this order.
    _serial: int

    @property
    def name(self) -> str:
        """The name of the method that it calls."""
        name: str = self._method.__name__
        return name

    @property
    def call(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        """The method that it calls, and the arguments."""
        return self._method, self._arguments

    @property
    def active(self) -> bool:
        """Whether a call is still to come."""
        return self.due_tick is not None


_order: Final[Callable[[Timer], Any]] = attrgetter("due_tick", "_serial")


class Timers:
    """The timers of one room that are still to be called, soonest first."""

    __slots__ = ("next_serial", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Timer] = []
        self.next_serial = 1

    def add(
        self,
        due_tick: int,
        period_ticks: int | None,
        method: Callable[..., object],
        arguments: tuple[Any, ...],
    ) -> Timer:
        """Return a new timer."""
        timer = Timer(due_tick, period_ticks, method, arguments, self.next_serial)
        self.next_serial += 1
        insort(self.waiting, timer, key=_order)
        return timer

    def cancel(self, timer: Timer) -> None:
        """Never call ``timer`` again; harmless if it is over."""
        if timer.due_tick is None:
            return
        place = bisect_left(self.waiting, _order(timer), key=_order)
        if self.waiting[place : place + 1] != [timer]:
            raise LocalProtocolError("cancel() was given a timer of another room")
        del self.waiting[place]
        timer.due_tick = None

    def resume(self, timers: Iterable[Timer]) -> None:
        """Take the timers of a saved room, except those that are over."""
        self.waiting = sorted((t for t in timers if t.due_tick is not None), key=_order)

    def due(self, tick: int) -> Iterator[Timer]:
        """Yield the timers that are due at ``tick``; each is set to its next tick before.

        A timer that is added or cancelled meanwhile counts: nothing new is due at this tick.
        """
        waiting = self.waiting
        while waiting and (due_tick := waiting[0].due_tick) is not None and due_tick <= tick:
            timer = waiting.pop(0)
            if timer.period_ticks is None:
                timer.due_tick = None
            else:
                # Ticks that were dropped may have passed over several calls: they become one.
                periods = (tick - due_tick) // timer.period_ticks + 1
                timer.due_tick = due_tick + periods * timer.period_ticks
                insort(waiting, timer, key=_order)
            yield timer


def ticks_of(what: str, seconds: float, tick_rate: int) -> int:
    """Return the whole ticks that cover ``seconds`` of game time, at least one."""
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise LocalProtocolError(
            f"{what}() takes a number of seconds from 0 up, and then a method, as in "
            f"self.{what}(2.5, self.open_gates); not {seconds!r}"
        )
    return max(1, math.ceil(seconds * tick_rate - _SLACK_TICKS))


def check_call(what: str, method: Any, arguments: tuple[Any, ...]) -> None:
    """Raise ``LocalProtocolError`` unless a timer can call ``method`` and a snapshot save it."""
    check_method(f"{what}()", f"self.{what}(2.5, self.open_gates, door)", method, arguments)


def check_method(what: str, right: str, method: Any, arguments: tuple[Any, ...]) -> None:
    """Raise ``LocalProtocolError`` unless ``method`` can be called later, and saved until then."""
    if not isinstance(method, types.MethodType):
        raise LocalProtocolError(_no_method(what, right, method))
    _check_signature(what, method.__func__, len(arguments))


def _no_method(what: str, right: str, given: Any) -> str:
    right = f"give it a method and its arguments, as in {right}"
    if given is None:
        return f"{what} was given None: name the method without calling it; {right}"
    name = getattr(given, "__name__", type(given).__name__)
    name = "a lambda" if name == "<lambda>" else name
    return f"{what} cannot save {name} with the room: {right}"


@functools.lru_cache(maxsize=1024)
def _check_signature(what: str, function: Any, count: int) -> None:
    name = getattr(function, "__name__", "method")
    if inspect.iscoroutinefunction(function):
        raise LocalProtocolError(
            f"{what} calls a plain method, and {name} is async: nothing waits inside a tick"
        )
    try:
        inspect.signature(function).bind(None, *range(count))
    except TypeError as error:
        raise LocalProtocolError(
            f"{what} cannot call {name} with {count} arguments: {error}"
        ) from None
