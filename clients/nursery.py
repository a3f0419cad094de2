"""A nursery that wraps no single exception.

Owns ``open_unwrapping_nursery``, for context managers that run tasks: an exception of the caller's
block is raised as it is, as if there were no nursery around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_unwrapping_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery; if it raises a single exception, raise that instead of a group.

    ``Cancelled`` counts only if there is no other exception: Trio delivers it again if necessary.
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
        raise only  # outside of the handler, so that the group is not its context


def _only(group: BaseExceptionGroup) -> BaseException | None:
    """Return the single exception in ``group``; None if there are several."""
    errors = [error for error in group.exceptions if not isinstance(error, trio.Cancelled)]
    found = errors or group.exceptions
    return found[0] if len(found) == 1 else None
