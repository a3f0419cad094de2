"""Reads all links of a room: at its tick, or at once where somebody waits for an answer.

Owns two epoll sets (Linux): *calm* links are read once a tick by ``read_ready``, so that a
thousand commands cost one system call and no wake-up of a task each; *hurried* links, which
wait for a pong, are read as soon as something arrives, by the one task in ``run``, which waits
in Trio for the whole set.  Never looks at what was read, never closes a link.

Where epoll is missing there is no pump, and each link's own task reads: slower, the same
behaviour.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from gameserver.runtime.link import Link

#: Whether this system has what the pump is made of.
AVAILABLE = hasattr(select, "epoll")


class Pump:
    """The reader of the links that were ``add``ed.  ``close`` it when done."""

    def __init__(self) -> None:
        self._calm = select.epoll()
        self._hurried = select.epoll()
        self._links: dict[int, Link] = {}
        self._hurrying: set[int] = set()

    def __len__(self) -> int:
        return len(self._links)

    def add(self, link: Link) -> None:
        """Read ``link`` from now on; it is calm."""
        descriptor = link.fileno()
        if descriptor < 0:
            return  # dropped meanwhile; its reader is told
        self._calm.register(descriptor, select.EPOLLIN)
        self._links[descriptor] = link
        link.pumped_by(self)

    def remove(self, link: Link) -> None:
        """Read ``link`` no more; must come before its socket is closed.  Idempotent."""
        descriptor = link.fileno()
        if self._links.get(descriptor) is not link:
            return
        del self._links[descriptor]
        (self._hurried if descriptor in self._hurrying else self._calm).unregister(descriptor)
        self._hurrying.discard(descriptor)
        link.pumped_by(None)

    def hurry(self, link: Link) -> None:
        """Read ``link`` as soon as something arrives, until ``calm``."""
        self._move(link, self._calm, self._hurried, hurried=True)

    def calm(self, link: Link) -> None:
        """Read ``link`` at the tick again."""
        self._move(link, self._hurried, self._calm, hurried=False)

    def _move(self, link: Link, out_of: select.epoll, into: select.epoll, *, hurried: bool) -> None:
        descriptor = link.fileno()
        if self._links.get(descriptor) is not link or (descriptor in self._hurrying) == hurried:
            return
        out_of.unregister(descriptor)
        into.register(descriptor, select.EPOLLIN)
        (self._hurrying.add if hurried else self._hurrying.discard)(descriptor)

    def read_ready(self) -> None:
        """Read once what has arrived on each calm link; called at the tick."""
        self._read(self._calm, len(self._links) - len(self._hurrying))

    async def run(self) -> None:
        """Read the hurried links whenever something arrives, for ever."""
        while True:
            await trio.lowlevel.wait_readable(self._hurried.fileno())
            self._read(self._hurried, len(self._hurrying))

    def _read(self, ready: select.epoll, most: int) -> None:
        if most < 1:
            return
        for descriptor, _ in ready.poll(0, most):
            link = self._links.get(descriptor)
            if link is not None:  # else an earlier one of this turn had it removed
                link.read_now()

    def close(self) -> None:
        """Give the links back to their own tasks and free the epoll sets."""
        for link in list(self._links.values()):
            self.remove(link)
        self._calm.close()
        self._hurried.close()
