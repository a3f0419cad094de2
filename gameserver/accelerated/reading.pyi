from collections.abc import Callable
from select import epoll

from gameserver.runtime.net.link import Link

SOURCES: str

def read_links(
    epoll: epoll,
    links: dict[int, Link],
    unfinished: set[int],
    may_end: int,
    drop_broken: Callable[[Link], None],
) -> None: ...
