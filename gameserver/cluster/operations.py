"""The requests of an operator to a host with several nodes: drain one node, upgrade all of them.

Owns their order, and their forms on the control socket.  ``supervisor.py`` has the processes, and
``room_handovers.py`` moves the rooms.  A player loses nothing by either: its room goes to another
node, or it plays on until it ends or the time is over.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.cluster.calls import CallFailed, CallRefused
from gameserver.cluster.control import ControlError, Request, ask
from gameserver.cluster.handover.asking import REQUEST as UPGRADE
from gameserver.cluster.host_folder import HostFolder
from gameserver.cluster.node_process import NodeProcess
from gameserver.cluster.peers import Peers
from gameserver.errors import GameServerError

log = structlog.get_logger(__name__)

DRAIN: Final = "drain"
#: Time for handing over all rooms of a node, besides ``drain_s`` for the rooms that stay.
HANDOVERS_DEADLINE_S: Final = 120.0
#: Time for a node to answer that it serves on.
GO_ON_DEADLINE_S: Final = 5.0
#: Time for a new process to import the game and to start serving.
START_DEADLINE_S: Final = 60.0


class OperationFailed(GameServerError):
    """An operator's request failed, or was not completed; the text is one line."""


@attrs.frozen
class Drained:
    """The result of a drain: rooms that other nodes took, and players whose rooms no node took."""

    rooms: int
    players: int


class HostOperations:
    """The requests for ``nodes``, whose sockets are in ``folder``.

    One request runs at a time.  A room that no other node takes plays on for ``drain_s`` seconds.
    """

    def __init__(
        self,
        nodes: Mapping[int, NodeProcess],
        folder: HostFolder,
        drain_s: float,
        nursery: trio.Nursery,
    ) -> None:
        self._nodes: Final = nodes
        self._drain_s: Final = drain_s
        self._peers: Final = Peers(folder, nursery)
        self._busy: Final = trio.Lock()

    async def drain_asked(self, request: Request) -> dict[str, int]:
        """Have one node hand over its rooms and end; it is not started again."""
        match request.arguments:
            case {"node": str(name), "within_s": int() | float() | None as within_s}:
                pass
            case _:
                raise OperationFailed("a drain has a node and a time")
        node = self._serving(name)
        others = [each for each in self._nodes.values() if each is not node and each.serves]
        if not others:
            raise OperationFailed(f"{node.name} is the last node that serves: stop the server")
        async with self._alone():
            drained = await self._drain(node, self._drain_s if within_s is None else within_s)
            node.over = True
            await self._end(node)
        log.info("node drained", node=node.name, **attrs.asdict(drained))
        return attrs.asdict(drained)

    async def upgrade_asked(self, request: Request) -> None:
        """Have all nodes start anew, one after another; the one part of the answer has counts."""
        await request.send(await self.upgrade())

    async def upgrade(self) -> dict[str, int]:
        """Have all nodes start anew, one after another; their rooms go to other nodes meanwhile.

        ``OperationFailed`` names the node that was not upgraded, and why; those after it serve on
        with the old version.
        """
        old = [node for node in self._nodes.values() if node.serves]
        if len(old) < 2:
            raise OperationFailed("one node alone has nowhere to hand its rooms: start a second")
        rooms = 0
        async with self._alone():
            new: list[str] = []
            for node in old:
                drained = await self._drain(node, self._drain_s, new)
                if drained.players:
                    await self._go_on(node)
                    raise OperationFailed(
                        f"{node.name} has rooms that no other node takes: it serves on with the "
                        f"old version, after {len(new)} upgraded nodes; the log says why"
                    )
                await self._renew(node)
                new.append(node.name)
                rooms += drained.rooms
        log.info("nodes upgraded", nodes=len(new), rooms=rooms)
        return {"nodes": len(new), "rooms": rooms}

    def _serving(self, name: str) -> NodeProcess:
        for node in self._nodes.values():
            if name in (node.name, str(node.index)) and node.serves:
                return node
        serving = ", ".join(node.name for node in self._nodes.values() if node.serves)
        raise OperationFailed(f"there is no node {name!r} that serves; there are {serving}")

    def _alone(self) -> trio.Lock:
        if self._busy.locked():
            raise OperationFailed("another drain or upgrade is under way")
        return self._busy

    async def _drain(self, node: NodeProcess, within_s: float, prefer: Any = ()) -> Drained:
        deadline_s = within_s + HANDOVERS_DEADLINE_S
        try:
            told = await self._call(node, DRAIN, within_s, list(prefer), within_s=deadline_s)
        except OperationFailed:
            with contextlib.suppress(OperationFailed):
                await self._go_on(node)  # or a second try would find it draining, and end it
            raise
        return Drained(*told)

    async def _go_on(self, node: NodeProcess) -> None:
        """Have a node that was told to drain serve on."""
        await self._call(node, "go_on", within_s=GO_ON_DEADLINE_S)

    async def _call(self, node: NodeProcess, name: str, *arguments: Any, within_s: float) -> Any:
        try:
            return await self._peers.call(node.index, name, *arguments, within_s=within_s)
        except (CallFailed, CallRefused) as error:
            raise OperationFailed(f"{node.name}: {error}") from error

    async def _end(self, node: NodeProcess) -> None:
        ended = node.ended
        node.send(signal.SIGTERM)
        await ended.wait()

    async def _renew(self, node: NodeProcess) -> None:
        """Start a node anew, and wait until it serves."""
        node.renewing = True
        await self._end(node)
        with trio.move_on_after(START_DEADLINE_S):
            if await node.until_ready():
                return
        raise OperationFailed(
            f"{node.name} does not serve with the new version, which its log explains; the nodes "
            "after it serve on with the old one"
        )


# ---------------------------------------------------------------- the operator's end


async def ask_to_drain(path: Path, node: str, within_s: float | None) -> Drained:
    """Have the supervisor at a control socket drain a node; ``ControlError`` if it does not."""
    longest_s = HANDOVERS_DEADLINE_S + (within_s if within_s is not None else 24 * 3600.0)
    told = await ask(path, DRAIN, {"node": node, "within_s": within_s}, within_s=longest_s)
    try:
        return Drained(**told)
    except TypeError as error:
        raise ControlError("the server is of another version: it may drain or not") from error


__all__ = ["DRAIN", "UPGRADE", "Drained", "HostOperations", "OperationFailed", "ask_to_drain"]
