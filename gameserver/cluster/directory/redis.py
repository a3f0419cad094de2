"""A directory on Redis or Valkey, for nodes of several hosts.

Owns what each operation sends, and reading the answers.  Implements ``contract.py``.  Each
operation is one Lua script (``lua/``), so it is atomic; ``lua/common.lua`` describes the keys.

Time is that of the directory: it stands still while the server is away, so no lease ends because of
an outage.  Names of tickets and tokens reach the server as hashes only.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import trio
from typing_extensions import override

from gameserver.cluster.directory.addresses import RedisAddress
from gameserver.cluster.directory.contract import (
    HOLD_S,
    LEASE_S,
    MAX_CANDIDATES,
    MAX_LIVES,
    MAX_PAGE,
    RESUME_MEMORY_S,
    Directory,
)
from gameserver.cluster.directory.encoding import (
    ROOMS_PER_PAGE,
    node_as_bytes,
    page_of,
    read_node,
    read_page,
)
from gameserver.cluster.directory.errors import DirectoryError, DirectorySettling, LeaseOver
from gameserver.cluster.directory.filters import index_name, index_names
from gameserver.cluster.directory.listings import (
    Candidates,
    Claim,
    NodeListing,
    NodePage,
    Renewal,
    RoomCandidate,
    RoomListing,
    RoomPage,
    ShownRoom,
)
from gameserver.cluster.directory.redis_link import CALL_TIMEOUT_S, RedisLink, Script, open_link

#: Rooms or nodes that are drawn, more than asked for: some may be gone, too full, or drawn twice.
MAX_PASSED_OVER: Final = 30
#: Nodes that one page of rooms looks at: most may have no rooms that lists show.
MAX_NODES_PER_PAGE: Final = 50
_MAX_SERIAL_DIGITS: Final = 15

_RENEW: Final = Script("renew")
_LEAVE: Final = Script("leave")
_NODES: Final = Script("nodes")
_CLAIM: Final = Script("claim")
_RELEASE: Final = Script("release")
_FIND: Final = Script("find")
_CANDIDATES: Final = Script("candidates")
_TAKE_SEATS: Final = Script("take_seats")
_ROOMS: Final = Script("rooms")
_USE_ONCE: Final = Script("use_once")
_NOTE_RESUMES: Final = Script("note_resumes")
_NEWEST_RESUMES: Final = Script("newest_resumes")


class RedisDirectory(Directory):
    """A directory on the server of ``link``; made by ``open_redis_directory``."""

    def __init__(self, link: RedisLink, lease_s: float) -> None:
        self.lease_s = lease_s
        self._link = link

    async def _run(self, script: Script, *arguments: str | bytes | int) -> Any:
        return await self._link.run(script, [_ms(self.lease_s), *arguments])

    async def check(self) -> None:
        """Raise ``DirectoryError``, with the reason in words, unless the server will do."""
        await self._link.check()

    # ------------------------------------------------------------ nodes

    @override
    async def renew(self, node: NodeListing, rooms: Sequence[RoomListing]) -> Renewal:
        lost = await self._run(_RENEW, *await renewal_arguments(node, rooms))
        return Renewal(lost=tuple(map(_text, lost)))

    @override
    async def leave(self, node: str) -> None:
        await self._run(_LEAVE, node)

    @override
    async def node(self, node: str) -> NodeListing | None:
        _, *listings = await self._run(_NODES, "one", node)
        return read_node(listings[0]) if listings else None

    @override
    async def nodes(self, after: str = "", limit: int = MAX_PAGE) -> NodePage:
        following, *listings = await self._run(_NODES, "page", after, limit)
        return NodePage(nodes=tuple(map(read_node, listings)), next=_text(following))

    # ------------------------------------------------------------ rooms by name

    @override
    async def claim(self, node: str, label: str, hold_s: float = HOLD_S) -> Claim:
        return await self._claim(node, label, "", hold_s)

    @override
    async def pass_on(self, node: str, label: str, fence: int, to: str) -> Claim:
        return await self._claim(to, label, "", HOLD_S, former=(node, fence))

    @override
    async def claim_new(
        self,
        node: str,
        kind: str,
        *,
        free_seats: int = 0,
        filters: Mapping[str, Any] | None = None,
        hold_s: float = HOLD_S,
    ) -> Claim:
        indexes = index_names(kind, filters or {}) if free_seats > 0 else []
        return await self._claim(node, "", kind, hold_s, free_seats, "\n".join(indexes))

    async def _claim(
        self,
        node: str,
        label: str,
        kind: str,
        hold_s: float,
        free_seats: int = 0,
        indexes: str = "",
        former: tuple[str, int] = ("", 0),
    ) -> Claim:
        outcome, *rest = await self._run(
            _CLAIM, node, label, kind, _ms(hold_s), free_seats, indexes, *former
        )
        match _text(outcome):
            case "lease":
                raise LeaseOver(f"the node {node} has no lease")
            case "settling":
                raise DirectorySettling(float(rest[0]) / 1000)
            case "busy":
                raise DirectoryError(f"no free name for a room of the kind {kind} was found")
        owner, fence, label_of, listing = rest
        return Claim(
            label=_text(label_of),
            fence=int(fence),
            owner=read_node(listing),
            won=_text(owner) == node,
        )

    @override
    async def release(self, node: str, label: str, fence: int) -> None:
        await self._run(_RELEASE, node, label, fence)

    @override
    async def find(self, label: str) -> Claim | None:
        found = await self._run(_FIND, label)
        if not found:
            return None
        _, fence, listing = found
        return Claim(label=label, fence=int(fence), owner=read_node(listing), won=False)

    # ------------------------------------------------------------ rooms for a join

    @override
    async def candidates(
        self, kind: str, filters: Mapping[str, Any], seats: int = 1, count: int = 2
    ) -> Candidates:
        count = min(count, MAX_CANDIDATES)
        index = index_name(kind, filters)
        rooms, nodes = await self._run(
            _CANDIDATES, kind, index, seats, count, count + MAX_PASSED_OVER
        )
        return Candidates(
            rooms=tuple(
                RoomCandidate(
                    label=_text(label),
                    fence=int(fence),
                    free_seats=int(free_seats),
                    owner=read_node(listing),
                )
                for label, fence, free_seats, listing in zip(*[iter(rooms)] * 4, strict=True)
            ),
            nodes=tuple(map(read_node, nodes)),
        )

    @override
    async def take_seats(self, label: str, fence: int, seats: int = 1) -> bool:
        return bool(await self._run(_TAKE_SEATS, label, fence, seats))

    @override
    async def rooms(self, after: str = "", limit: int = MAX_PAGE) -> RoomPage:
        from_node, _, digits = after.partition(" ")
        is_serial = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_SERIAL_DIGITS
        after_serial = int(digits) if is_serial else -1
        going_on, blobs = await self._run(
            _ROOMS, from_node, after_serial, limit, MAX_NODES_PER_PAGE
        )
        page: list[ShownRoom] = []
        cursor = ""
        for name, blob in zip(*[iter(blobs)] * 2, strict=True):
            node = _text(name)
            for serial, room in read_page(node, blob):
                if node == from_node and serial <= after_serial:
                    continue
                if len(page) == limit:
                    return RoomPage(rooms=tuple(page), next=cursor)
                page.append(room)
                cursor = f"{node} {serial}"
        return RoomPage(rooms=tuple(page), next=_text(going_on))

    # ------------------------------------------------------------ used once

    @override
    async def use_once(self, name: str, by: str, valid_s: float) -> bool:
        hashed = hashlib.sha256(name.encode()).hexdigest()
        return bool(await self._run(_USE_ONCE, hashed, by, max(1, _ms(valid_s))))

    @override
    async def note_resumes(self, newest: Mapping[str, int]) -> None:
        lives = list(newest.items())
        for start in range(0, len(lives), MAX_LIVES):
            some = [part for pair in lives[start : start + MAX_LIVES] for part in pair]
            await self._run(_NOTE_RESUMES, _ms(RESUME_MEMORY_S), *some)

    @override
    async def newest_resumes(self, lives: Sequence[str]) -> dict[str, int]:
        numbers = await self._run(_NEWEST_RESUMES, *lives) if lives else []
        return {life: int(number) for life, number in zip(lives, numbers, strict=True) if number}


async def renewal_arguments(
    node: NodeListing, rooms: Sequence[RoomListing]
) -> list[str | bytes | int]:
    """Return what a renewal sends; other tasks have their turn meanwhile, for a tick may be due."""
    pages = []
    shown = sorted((room for room in rooms if room.shown is not None), key=lambda one: one.serial)
    for start in range(0, len(shown), ROOMS_PER_PAGE):
        pages.append(page_of(shown[start : start + ROOMS_PER_PAGE]))
        await trio.lowlevel.checkpoint()
    groups: dict[str, list[RoomListing]] = {}
    for number, room in enumerate(rooms):
        indexes = index_names(room.kind, room.filters) if room.free_seats > 0 else []
        groups.setdefault("\n".join(indexes), []).append(room)
        if number % ROOMS_PER_PAGE == 0:
            await trio.lowlevel.checkpoint()
    arguments: list[str | bytes | int] = [
        node.node,
        node_as_bytes(node),
        " ".join(sorted(node.kinds)) if node.takes_rooms else "",
        max((room.fence for room in rooms), default=0),
        len(pages),
        len(groups),
        ",".join(f"{first}:{size}" for first, size, _ in pages),
        *(packed for _, _, packed in pages),
    ]
    for names, grouped in groups.items():
        arguments += [names, len(grouped)]
    for names, grouped in groups.items():
        for room in grouped:
            arguments += [room.label, f"{node.node} {room.fence} {names}\t", room.free_seats]
        await trio.lowlevel.checkpoint()
    return arguments


@contextlib.asynccontextmanager
async def open_redis_directory(
    address: RedisAddress,
    *,
    lease_s: float = LEASE_S,
    call_timeout_s: float = CALL_TIMEOUT_S,
) -> AsyncIterator[RedisDirectory]:
    """Keep a directory open in this block.  Its server need not be reachable; ``check`` tells."""
    async with open_link(address, call_timeout_s) as link:
        yield RedisDirectory(link, lease_s)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _text(data: bytes) -> str:
    return data.decode()
