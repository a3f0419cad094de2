"""A nursery that wraps no single exception.

Owns ``open_unwrapping_nursery``, for context managers with tasks of their own: what a caller's
block raises comes out as it is, as if there were no nursery around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_unwrapping_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery; if only one exception leaves it, raise that instead of a group.

    ``Cancelled`` counts only where there is nothing else: Trio delivers it again if it must.
    """
    only: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        only = _only(group)
        if only is None:
            raise
    if only is not None:
        raise only  # here, so that the group is no context of it


def _only(group: BaseExceptionGroup) -> BaseException | None:
    """Return the exception that the nursery has wrapped; None if it is several."""
    errors = [error for error in group.exceptions if not isinstance(error, trio.Cancelled)]
    found = errors or group.exceptions
    return found[0] if len(found) == 1 else None
