"""The limit of open files, and how many connections fit under it.

Owns raising the limit at the start.  A process at its limit can neither accept a connection nor
open a file, so the server stops accepting before that.
"""

from __future__ import annotations

from typing import Final

import attrs
import structlog

from gameserver.config import Settings
from gameserver.runtime.http.busy_response import MAX_LINGERING

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None  # type: ignore[assignment]

log = structlog.get_logger(__name__)

#: Listening sockets, the event loop, the poller, pipes, logs, files of the game, and refused
#: connections whose sockets stay open for a moment.  A room needs no file.
OTHER_FILES: Final = 64 + MAX_LINGERING


def within_open_files(settings: Settings) -> Settings:
    """Raise the limit of open files as far as ``settings`` need; return what fits under it.

    ``max_connections`` is lowered, with a warning, where the system does not allow so many.
    """
    limit = raise_open_file_limit(settings.max_connections + OTHER_FILES)
    if limit is None or settings.max_connections + OTHER_FILES <= limit:
        return settings
    # With a very low limit, half of it must do for all else.
    fits = max(1, limit - min(OTHER_FILES, limit // 2))
    log.warning(
        "fewer connections than wanted fit under the limit of open files",
        max_connections=fits,
        wanted=settings.max_connections,
        open_files=limit,
    )
    return attrs.evolve(settings, max_connections=fits)


def raise_open_file_limit(wanted: int) -> int | None:
    """Raise the limit to ``wanted`` open files, or as near as may be; return what it is then.

    It is never lowered.  None where there is no limit.
    """
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None if soft == resource.RLIM_INFINITY else soft
    new = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (new, hard))
    except (OSError, ValueError):  # macOS has a lower limit than the one that it tells
        return soft
    return new
