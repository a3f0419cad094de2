"""Reads all links of a server: before its rooms tick, or at once where a pong is awaited.

Owns two epoll sets (Linux) that hold every link.  *All* of them are read before each round of ticks
by ``read_ready``, so that a thousand commands cost one system call and no wake-up of a task each.
*Watched* links are also read as soon as something arrives, by the one task in ``run``, which waits
in Trio for the whole second set.  Never looks at what was read, and closes no link, except one that
cannot be read because of a bug.

A turn of the loop has bounded work: pongs that arrive together are read in several turns, and
connections that end together, each of which wakes a task, are told in several rounds.

In the second set a link is armed for one event (``EPOLLONESHOT``): a ping and its pong, of which
there are hundreds a second, then cost one change of the set instead of two in and two out.

Where epoll is missing there is no poller, and each link's own task reads: slower, the same
behaviour.
"""

from __future__ import annotations

import select
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog
import trio

from gameserver.runtime.net.reading import read_links

if TYPE_CHECKING:
    from gameserver.runtime.net.link import Link

log = structlog.get_logger(__name__)

#: Whether this system has what the poller is made of.
AVAILABLE = hasattr(select, "epoll")
#: Most watched links that one turn of the loop reads.
WATCHED_PER_TURN: Final = 64
#: Most connections of which one round of ticks tells that they have ended or are broken.
ENDS_PER_ROUND: Final = 32


class Poller:
    """The reader of the links that were ``add``ed.  ``close`` it when done."""

    def __init__(self) -> None:
        self._all = select.epoll()
        self._armed = select.epoll()
        self._links: dict[int, Link] = {}
        self._watched: set[int] = set()
        #: Links to read before the next ticks, whether or not anything arrives.
        self._unfinished: set[int] = set()
        #: Links that a post found broken, and whose tasks do not know yet.
        self._broken: deque[Link] = deque()
        #: The descriptor whose one event is being dealt with; it is not armed meanwhile.
        self._fired = -1

    def __len__(self) -> int:
        return len(self._links)

    def add(self, link: Link) -> None:
        """Read ``link`` from now on; it is not watched."""
        descriptor = link.fileno()
        if descriptor < 0:
            return  # dropped meanwhile; its reader is told
        self._all.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP)
        self._armed.register(descriptor, select.EPOLLONESHOT)
        self._links[descriptor] = link
        link.polled_by(self)

    def remove(self, link: Link) -> None:
        """Read ``link`` no more; must come before its socket is closed.  Idempotent."""
        descriptor = link.fileno()
        if self._links.get(descriptor) is not link:
            return
        del self._links[descriptor]
        self._all.unregister(descriptor)
        self._armed.unregister(descriptor)
        self._watched.discard(descriptor)
        self._unfinished.discard(descriptor)
        link.polled_by(None)

    def watch(self, link: Link) -> None:
        """Read ``link`` as soon as something arrives, until ``unwatch``."""
        descriptor = link.fileno()
        if self._links.get(descriptor) is link and descriptor not in self._watched:
            self._watched.add(descriptor)
            self._arm(descriptor)

    def unwatch(self, link: Link) -> None:
        """Read ``link`` only before ticks again."""
        descriptor = link.fileno()
        if self._links.get(descriptor) is link and descriptor in self._watched:
            self._watched.discard(descriptor)
            if descriptor != self._fired:
                self._armed.modify(descriptor, select.EPOLLONESHOT)

    def read_again(self, link: Link) -> None:
        """Read ``link`` before the next ticks, though nothing more may arrive by then."""
        self._unfinished.add(link.fileno())

    def end_later(self, link: Link) -> None:
        """Tell the tasks of ``link`` in one of the next rounds that it is broken."""
        self._broken.append(link)

    def _arm(self, descriptor: int) -> None:
        self._armed.modify(descriptor, select.EPOLLIN | select.EPOLLONESHOT)

    def read_ready(self) -> None:
        """Read once what has arrived on each link; called before a round of ticks.

        Of the links that have ended or are broken it tells ``ENDS_PER_ROUND``, and leaves the
        others to the next rounds.
        """
        if not self._links:
            return
        may_end = ENDS_PER_ROUND
        while self._broken and may_end:
            self._broken.popleft().end_broken()
            may_end -= 1
        read_links(self._all, self._links, self._unfinished, may_end, self._drop_broken)

    async def run(self) -> None:
        """Read the watched links whenever something arrives, for ever."""
        while True:
            await trio.lowlevel.wait_readable(self._armed.fileno())
            for descriptor, _ in self._armed.poll(0, WATCHED_PER_TURN):
                link = self._links.get(descriptor)
                if link is not None:
                    self._read_fired(descriptor, link)

    def _read_fired(self, descriptor: int, link: Link) -> None:
        self._fired = descriptor
        try:
            link.read_now()
        except Exception:  # noqa: BLE001 - a bug of ours; it costs one player the session
            self._drop_broken(link)
        self._fired = -1
        if descriptor in self._watched:  # it was something else than the pong
            self._arm(descriptor)

    @staticmethod
    def _drop_broken(link: Link) -> None:
        log.exception("a link could not be read")
        link.drop()

    def close(self) -> None:
        """Give the links back to their own tasks and free the epoll sets."""
        for link in list(self._links.values()):
            self.remove(link)
        self._all.close()
        self._armed.close()
