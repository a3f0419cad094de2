"""Reads all links that are ready, once: the loop of a poller before a round of ticks.

Owns the choice of the links to read, and that a bug costs one link only.  Has a compiled twin.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import TYPE_CHECKING

from gameserver.accelerated import twin

if TYPE_CHECKING:
    from gameserver.runtime.net.link import Link


def read_links_in_python(
    epoll: select.epoll,
    links: dict[int, Link],
    unfinished: set[int],
    may_end: int,
    drop_broken: Callable[[Link], None],
) -> None:
    """Read what has arrived on each of ``links``, by descriptor, which ``epoll`` tells.

    Of the links that have ended, ``may_end`` are read at most.  Those in ``unfinished``, which is
    emptied, are read in any case.  Reading one link may remove others; these are not read.
    ``drop_broken`` gets a link whose reading raised, while the exception is handled.
    """
    events = epoll.poll(0, max(1, len(links)))
    found = [descriptor for descriptor, event in events if event == select.EPOLLIN]
    if len(found) < len(events):
        ended = [descriptor for descriptor, event in events if event != select.EPOLLIN]
        found += ended[:may_end]
    if unfinished:
        found += unfinished.difference(found)
        unfinished.clear()
    for descriptor in found:
        link = links.get(descriptor)
        if link is not None:  # else an earlier one of this turn had it removed
            try:
                link.read_now()
            except Exception:  # noqa: BLE001 - a bug of ours; it costs one player the session
                drop_broken(link)


read_links = twin("read_links", read_links_in_python)
