"""The membership of this node: its lease, and which rooms it has claimed.

Owns the renewals, and the fences of the rooms that run here.  A directory that is away stops
nothing: rooms play on unlisted, and are listed again with the first renewal that succeeds.
"""

from __future__ import annotations

import secrets as chance
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.cluster.directory.contract import (
    HOLD_S,
    MAX_LIVES,
    RENEW_EVERY_S,
    Directory,
    all_nodes,
)
from gameserver.cluster.directory.errors import DirectoryError, DirectoryUnavailable
from gameserver.cluster.directory.listings import NodeListing, RoomListing
from gameserver.protocol.messages import VERSION
from gameserver.runtime.membership.listing import LoadMeter, list_rooms
from gameserver.runtime.membership.seals import is_sealed, sealed
from gameserver.runtime.rooms.lobby import Lobby

log = structlog.get_logger(__name__)

NODE_ID_BYTES: Final = 6
#: Letters of the node's id in the names of rooms that it makes while the directory is away.
SUFFIX_LENGTH: Final = 6
#: Nodes that are read at once: to compare a new one with them, or for totals.
MOST_NODES: Final = 1000
#: Rooms that were opened without a claim, as while the directory was away, claimed in one renewal.
CLAIMS_PER_RENEWAL: Final = 50


@attrs.define(eq=False)
class _Claimed:
    """A room that this node has claimed; ``opened``: and has opened since."""

    fence: int
    at_s: float
    opened: bool = False


class Membership:
    """This node among those of ``directory``.

    ``host`` names the machine if its nodes can pass sockets to each other, and is otherwise unlike
    that of every other node.  ``node`` is the name of the process that this one goes on from.
    """

    def __init__(
        self,
        directory: Directory,
        lobby: Lobby,
        secrets: Callable[[], Sequence[str]],
        *,
        url: str,
        host: str | None = None,
        node: str | None = None,
        name: str = "",
        version: str = "",
    ) -> None:
        self.directory = directory
        self.node: Final = node or chance.token_hex(NODE_ID_BYTES)
        self.host: Final = host or self.node
        self.url: Final = url
        #: Whether this node lets its rooms end, and makes no others.
        self.draining = False
        #: Labels of rooms here that another node owns by now; they play on, unlisted.
        self.lost: set[str] = set()
        #: Called with the label of a room that was lost.
        self.on_lost: Callable[[str], None] = lambda _label: None
        self._lobby = lobby
        #: The secrets of the cluster: the first signs, all verify.
        self.secrets = secrets
        self._name = name
        self._version = version
        self._meter = LoadMeter(lobby)
        self._claimed: dict[str, _Claimed] = {}
        #: Life → the newest resume token, of players who came back since the last renewal.
        self._resumes: dict[str, int] = {}
        lobby.resumption.on_used = self._resumes.__setitem__
        lobby.newest_resumes = self.newest_resumes
        lobby.end_names_with(f"-{self.node[:SUFFIX_LENGTH]}")
        self._renewing = trio.Lock()
        self._renewed_s: float | None = None
        #: Whether the lease is about to be another process', which has the same name.
        self._paused = False
        self._renewal = trio.CancelScope()
        #: Whether the last renewal failed.
        self.is_away = False

    # ------------------------------------------------------------ the lease

    @property
    def is_listed(self) -> bool:
        """Whether this node has a lease, as far as it knows."""
        renewed_s = self._renewed_s
        return renewed_s is not None and trio.current_time() < renewed_s + self.directory.lease_s

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Renew the lease, for ever; started once it has been tried."""
        began_s = trio.current_time()
        await self._try_to_renew()
        task_status.started()
        while True:
            await trio.sleep_until(max(began_s + RENEW_EVERY_S, trio.current_time()))
            began_s = trio.current_time()
            await self._try_to_renew()

    async def _try_to_renew(self) -> None:
        try:
            await self.renew()
        except DirectoryUnavailable as error:
            if not self.is_away:
                log.warning("the directory is away: rooms play on, unlisted", why=str(error))
            self.is_away = True
        except DirectoryError as error:  # it has listed the rooms, but claims have to wait
            log.info("not all rooms are claimed yet", why=str(error))

    async def renew(self) -> None:
        """List this node and its rooms; ``DirectoryError`` if that fails."""
        async with self._renewing:
            with trio.CancelScope() as self._renewal:
                if not self._paused:
                    await self._renew()

    async def _renew(self) -> None:
        rooms = await self._listings()
        began_s = trio.current_time()
        listing = attrs.evolve(self.listing(), load=self._meter.measure())
        renewal = await self.directory.renew(listing, rooms)
        self._renewed_s = began_s
        if self.is_away:
            log.info("the directory is back: rooms are listed again", rooms=len(rooms))
            self.is_away = False
        for label in renewal.lost:
            self._lose(label)
        await self._claim_unclaimed()
        await self._note_resumes()

    # ------------------------------------------------------------ from process to process

    def pause(self) -> None:
        """Renew no more, not even the renewal under way: another process has this name soon."""
        self._paused = True
        self._renewal.cancel()

    def go_on_renewing(self) -> None:
        """Renew after all; harmless if nothing is paused."""
        self._paused = False

    def freeze(self, now_s: float) -> list[Any]:
        """Return the claims and what else the process needs that goes on under this name."""
        claimed = [
            [label, one.fence, one.at_s - now_s, one.opened] for label, one in self._claimed.items()
        ]
        return [claimed, sorted(self.lost), self._resumes, self.is_away]

    def go_on(self, frozen: Sequence[Any], began_s: float) -> None:
        """Have the claims of the process that froze at ``began_s``."""
        claimed, lost, resumes, self.is_away = frozen
        for label, fence, at_s, opened in claimed:
            self._claimed[label] = _Claimed(fence, began_s + at_s, opened)
        self.lost.update(lost)
        self._resumes.update(resumes)

    async def _note_resumes(self) -> None:
        noted = dict(self._resumes)
        if noted:
            await self.directory.note_resumes(noted)
        for life, number in noted.items():
            if self._resumes[life] == number:
                del self._resumes[life]

    def listing(self) -> NodeListing:
        """Return what other nodes know about this one, without its load."""
        return sealed(
            NodeListing(
                node=self.node,
                host=self.host,
                url=self.url,
                name=self._name,
                version=self._version,
                protocol=VERSION,
                kinds={kind: self._lobby.schema_hash(kind) for kind in self._lobby.kinds},
                draining=self.draining,
            ),
            self.secrets(),
        )

    async def _listings(self) -> list[RoomListing]:
        rooms = await list_rooms(self._lobby, self._opened_fence)
        self._forget_closed()
        return rooms

    def _opened_fence(self, label: str) -> int | None:
        """Return the fence of an open room, and note that it has opened; None without a claim."""
        claimed = self._claimed.get(label)
        if claimed is None:
            return None
        claimed.opened = True
        return claimed.fence

    def _forget_closed(self) -> None:
        """Forget the claims of rooms that have closed, or were never opened."""
        now_s = trio.current_time()
        for label, claimed in list(self._claimed.items()):
            over = claimed.opened or now_s > claimed.at_s + HOLD_S
            if over and not self._lobby.is_open(label):
                del self._claimed[label]
        self.lost = {label for label in self.lost if self._lobby.is_open(label)}

    async def _claim_unclaimed(self) -> None:
        labels = [opened.task.label for opened in self._lobby.open_rooms]
        unclaimed = [one for one in labels if one not in self._claimed and one not in self.lost]
        for label in unclaimed[:CLAIMS_PER_RENEWAL]:
            claim = await self.directory.claim(self.node, label)
            if claim.won:
                self.own(claim.label, claim.fence)
            else:
                self._lose(label)

    def _lose(self, label: str) -> None:
        self._claimed.pop(label, None)
        if label not in self.lost:
            self.lost.add(label)
            log.warning("another node has this room by now: it plays on here, unlisted", room=label)
            self.on_lost(label)

    async def leave(self) -> None:
        """Have nobody sent here any more."""
        try:
            await self.directory.leave(self.node)
        except DirectoryError as error:
            log.warning("the directory still lists this node for a while", why=str(error))

    # ------------------------------------------------------------ rooms and nodes

    async def all_nodes(self) -> list[NodeListing]:
        """Return the listings of about ``MOST_NODES`` nodes; ``DirectoryError`` if that fails."""
        return await all_nodes(self.directory, MOST_NODES)

    def own(self, label: str, fence: int) -> None:
        """Note that this node owns a room with this fence, and may run it."""
        self._claimed[label] = _Claimed(fence, trio.current_time())
        self.lost.discard(label)

    def fence_of(self, label: str) -> int | None:
        """Return the fence of a room that this node owns; None if it owns none of that name."""
        claimed = self._claimed.get(label)
        return None if claimed is None else claimed.fence

    def disown(self, label: str) -> None:
        """Note that another node has a room by now, which it was given."""
        self._claimed.pop(label, None)
        self.lost.discard(label)

    async def use_token(self, token_id: str, valid_s: float) -> bool:
        """Use a sign-in token up at all nodes; False if it was used before at any of them.

        While the directory is away, each node knows only what was used there.
        """
        try:
            return await self.directory.use_once(f"token:{token_id}", self.node, valid_s)
        except DirectoryError:
            return True

    async def newest_resumes(self, lives: Sequence[str]) -> Mapping[str, int]:
        """Return the newest resume tokens that any node has seen, as far as the directory tells."""
        newest: dict[str, int] = {}
        try:
            for start in range(0, len(lives), MAX_LIVES):
                newest |= await self.directory.newest_resumes(lives[start : start + MAX_LIVES])
        except DirectoryError as error:
            log.warning("the newest resume tokens are not known", why=str(error))
        return newest

    def is_ours(self, node: NodeListing) -> bool:
        """Whether a listing is that of this node."""
        return node.node == self.node

    def is_trusted(self, node: NodeListing) -> bool:
        """Whether players may be sent to a node: it has our secret, and speaks our protocol."""
        return node.protocol == VERSION and is_sealed(node, self.secrets())
