"""Runs the background calls of a room in the nursery of its task.

Owns the tasks of the calls.  Gives each result to the stepper, which delivers it at a tick; an
exception of the game's function is a result, too.  The end of the room cancels running calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio
from structlog.stdlib import BoundLogger

from gameserver.calls import Call, Request
from gameserver.simulation.stepper import Stepper


class BackgroundCalls:
    """The background calls of the room that ``stepper`` steps, run in ``nursery``."""

    def __init__(self, stepper: Stepper[Any], nursery: trio.Nursery, log: BoundLogger) -> None:
        self._stepper: Final = stepper
        self._nursery: Final = nursery
        self._log: Final = log

    def start(self) -> None:
        """Start the calls that hooks have made; to be called after each tick."""
        calls = self._stepper.calls
        for request in calls.take_requests():
            self._nursery.start_soon(self._run, request, calls.in_flight[request.number])

    def run_beside(self, function: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Run what is no call of the game, and raises nothing, until the room ends."""
        self._nursery.start_soon(function, *arguments)

    async def _run(self, request: Request, call: Call) -> None:
        try:
            result = await request.function(*request.arguments)
        except Exception as error:  # noqa: BLE001 - the exception is the result for the game
            if call.then is None:
                self._log.error("a background call failed", call=call.name, exc_info=error)
            result = error
        self._stepper.finished(request.number, result)
