"""An operator's requests to a host whose nodes give no answer; ``test_rolling.py`` has the rest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import trio

from gameserver.cluster.calls import CallFailed
from gameserver.cluster.operations import HostOperations, OperationFailed


class SilentPeers:
    """Nodes that begin to drain and never answer; they take other calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str]] = []

    async def call(self, index: int, name: str, *_arguments: Any, within_s: float) -> None:
        await trio.lowlevel.checkpoint()
        self.calls.append((index, name))
        if name == "drain":
            raise CallFailed(f"no answer within {within_s:g} s")


async def test_a_node_whose_drain_has_no_answer_serves_on(nursery: trio.Nursery) -> None:
    nodes: Any = {
        index: SimpleNamespace(index=index, name=f"n{index}", serves=True, over=False)
        for index in range(2)
    }
    operations = HostOperations(nodes, SimpleNamespace(), 1.0, nursery)  # type: ignore[arg-type]
    peers = SilentPeers()
    operations._peers = peers  # type: ignore[assignment, misc]
    request: Any = SimpleNamespace(arguments={"node": "n1", "within_s": 1.0})
    with pytest.raises(OperationFailed, match="n1: no answer"):
        await operations.drain_asked(request)
    assert peers.calls == [(1, "drain"), (1, "go_on")]
    assert not nodes[1].over
