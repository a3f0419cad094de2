"""Background calls of a room: async functions whose results come back at a tick.

Owns the calls in flight, the results that wait for a tick, and their bound.  Never runs a call; the
shell does (``runtime/rooms/background.py``), or a test.

A result comes from outside, so it enters a room only through ``Stepper.finished``, and is delivered
at a fixed place of a tick, in the order of arrival.  A call is saved with the room by its number,
its handler and ``about``.  The function is not saved: a room that another process recovers gets
``Interrupted`` in place of the result.

At most ``MAX_IN_FLIGHT`` calls of a room are in flight.  Overflow policy ``refuse-newest``: the
result of any further call is ``TooManyCalls``, at the next tick.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs

from gameserver.errors import LocalProtocolError, TooManyCalls
from gameserver.timers import check_method

MAX_IN_FLIGHT: Final = 64
_RIGHT: Final = "self.background(fetch_profile, player.identity, then=self.take_profile)"


@attrs.define(eq=False)
class Call:
    """A call whose result has not been delivered yet."""

    number: int
    #: The name of the function, for logs and tests.
    name: str
    #: The handler that is called with the result, or None.
    then: Callable[..., object] | None
    #: Further arguments of ``then``, after the result.
    about: tuple[Any, ...]


@attrs.frozen(eq=False)
class Request:
    """A call that has not been started yet."""

    number: int
    function: Callable[..., Awaitable[Any]]
    arguments: tuple[Any, ...]


class Calls:
    """The background calls of one room."""

    __slots__ = ("in_flight", "next_number", "requests", "results")

    def __init__(self) -> None:
        #: By number, in the order in which they were made; a result may wait already.
        self.in_flight: dict[int, Call] = {}
        #: The calls that the shell has to start.
        self.requests: list[Request] = []
        #: Numbers and results in the order of arrival, until the next tick.
        self.results: list[tuple[int, Any]] = []
        self.next_number = 1

    def add(
        self,
        function: Callable[..., Awaitable[Any]],
        arguments: tuple[Any, ...],
        then: Callable[..., object] | None,
        about: tuple[Any, ...],
    ) -> None:
        """Take a call; if too many are in flight, it has its result at once."""
        number, self.next_number = self.next_number, self.next_number + 1
        fits = len(self.in_flight) < MAX_IN_FLIGHT
        self.in_flight[number] = Call(number, name_of(function), then, about)
        if fits:
            self.requests.append(Request(number, function, arguments))
        else:
            self.results.append((number, TooManyCalls()))

    def take_requests(self) -> list[Request]:
        """Return the calls to start, once."""
        requests, self.requests = self.requests, []
        return requests

    def take_results(self) -> list[tuple[Call, Any]]:
        """Return the results that have come, once; a call is over with that."""
        results, self.results = self.results, []
        return [(self.in_flight.pop(number), result) for number, result in results]

    def is_expected(self, number: int) -> bool:
        """Whether a call of that number has no result yet."""
        return number in self.in_flight and all(number != n for n, _ in self.results)


def name_of(function: Any) -> str:
    """Return the name of a function, also of a partial one."""
    if isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def check_background(function: Any, then: Any, about: tuple[Any, ...]) -> None:
    """Raise ``LocalProtocolError`` for a call that cannot be made, or whose handler cannot work."""
    if inspect.iscoroutine(function):
        function.close()
        raise LocalProtocolError(
            f"background() takes an async function and its arguments, without a call: {_RIGHT}"
        )
    plain = function.func if isinstance(function, functools.partial) else function
    if not inspect.iscoroutinefunction(plain):
        raise LocalProtocolError(
            f"background() runs an async function, and {name_of(function)} is none: {_RIGHT}"
        )
    if then is not None:
        check_method("then= of background()", _RIGHT, then, (None, *about))
