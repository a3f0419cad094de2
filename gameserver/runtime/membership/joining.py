"""Joining a cluster: from the settings to a node with a lease.

Owns opening the directory, and the checks before this node takes players: each mistake is one line
that names its setting.  A check that needs the directory is left out while the directory is away.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import structlog
import trio

from gameserver.cluster.directory.addresses import WrongAddress, read_address
from gameserver.cluster.directory.contract import LEASE_S, Directory
from gameserver.cluster.directory.errors import DirectoryError, DirectoryUnavailable
from gameserver.cluster.directory.filters import MAX_FILTERS
from gameserver.cluster.directory.listings import NodeListing
from gameserver.config import ConfigError, Settings
from gameserver.protocol.messages import VERSION
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.membership.router import Router
from gameserver.runtime.membership.seals import is_sealed
from gameserver.runtime.membership.tickets import MoveTickets
from gameserver.runtime.rooms.lobby import Lobby

log = structlog.get_logger(__name__)

#: How long a new node waits for the lease of its former run, which had the same address.
FORMER_RUN_S: Final = LEASE_S + 1.0
_LOOK_AGAIN_S: Final = 0.5


@contextlib.asynccontextmanager
async def open_directory(settings: Settings) -> AsyncIterator[Directory]:
    """Keep the directory of the settings open in this block; ``ConfigError`` if it cannot be."""
    assert settings.directory is not None
    try:
        address = read_address(settings.directory)
    except WrongAddress as mistake:
        raise ConfigError(f"directory: the address {mistake}") from None
    try:
        from gameserver.cluster.directory.redis import open_redis_directory
    except ImportError as error:
        raise ConfigError(
            f"directory: {error.name} is not installed: pip install 'trio-gameserver[cluster]'"
        ) from None
    async with open_redis_directory(address) as directory:
        try:
            await directory.check()
        except DirectoryUnavailable as away:
            log.warning("rooms are unlisted until the directory answers", why=str(away))
        except DirectoryError as error:
            raise ConfigError(str(error)) from None
        yield directory


def check_kinds(lobby: Lobby) -> None:
    """Raise ``ConfigError`` if a kind cannot be found in a directory."""
    for kind, room in zip(lobby.kinds, lobby.classes, strict=True):
        if len(room.filter_by) > MAX_FILTERS:
            raise ConfigError(
                f"directory: the room {kind} has {len(room.filter_by)} names in filter_by, but "
                f"rooms in a directory have at most {MAX_FILTERS}"
            )


def make_membership(
    directory: Directory,
    lobby: Lobby,
    settings: Settings,
    *,
    host: tuple[str, int] | None = None,
    node: str | None = None,
) -> Membership:
    """Return the membership of this node, and let the lobby ask it where players play.

    ``host`` names the host, and this node by its number, where it has several.  ``node`` is its
    name, if it goes on from another process.
    """
    if settings.secret is None and settings.secret_file is None:
        raise ConfigError(
            "directory: the nodes need one secret, which signs tickets: set GAMESERVER_SECRET, or "
            "secret_file to a file that holds it"
        )
    check_kinds(lobby)
    membership = Membership(
        directory,
        lobby,
        lambda: lobby.sign_in.secrets,
        url=settings.public_url or "",
        host=None if host is None else host[0],
        node=node,
        name=socket.gethostname() + ("" if host is None else f" n{host[1]}"),
        version=_version(),
    )
    lobby.router = Router(membership, lobby, MoveTickets(lambda: lobby.sign_in.secrets))
    lobby.sign_in.use_in_cluster = membership.use_token
    return membership


async def check_others(membership: Membership) -> None:
    """Raise ``ConfigError`` if this node and the others cannot be one cluster.

    A directory that is away is no mistake: this node is listed once it is back.
    """
    with trio.move_on_after(FORMER_RUN_S) as patience:
        while True:
            try:
                others = await _others(membership)
            except DirectoryError:
                return
            if not _same_url(membership, others):
                break
            await trio.sleep(_LOOK_AGAIN_S)
    if patience.cancelled_caught:
        raise ConfigError(f"public_url: another node has {membership.url} already")
    _compare(membership, others)


async def _others(membership: Membership) -> list[NodeListing]:
    return [node for node in await membership.all_nodes() if not membership.is_ours(node)]


def _same_url(membership: Membership, others: list[NodeListing]) -> bool:
    elsewhere = [node for node in others if node.host != membership.host]
    return any(membership.url and node.url == membership.url for node in elsewhere)


def _compare(membership: Membership, others: list[NodeListing]) -> None:
    """Raise ``ConfigError`` or warn about what the other nodes have otherwise."""
    ours = membership.listing()
    told: set[str] = set()
    for node in others:
        where = node.name or node.node
        if not is_sealed(node, membership.secrets()):
            raise ConfigError(f"secret: the node {where} at {node.url} has another secret")
        if node.protocol != VERSION and "protocol" not in told:
            told.add("protocol")
            log.warning(
                "no player is sent to nodes with another version of the protocol",
                node=where,
                version=node.protocol,
                ours=VERSION,
            )
        for kind in ours.kinds.keys() & node.kinds.keys() - told:
            if ours.kinds[kind] != node.kinds[kind]:
                told.add(kind)
                log.warning(
                    "another node has another schema for this kind of room: clients that were "
                    "built for one are refused at the other",
                    kind=kind,
                    node=where,
                )


def _version() -> str:
    try:
        return version("trio-gameserver")
    except PackageNotFoundError:
        return ""
