"""The other nodes of a host, as one node calls them.

Owns the channels to their sockets: made at the first call, and again after the other node has
started anew.  Never knows what is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from gameserver.cluster import unix_socket
from gameserver.cluster.calls import MAX_MESSAGE_BYTES, RESULT_DEADLINE_S, Caller, CallFailed
from gameserver.cluster.descriptors import DescriptorChannel, HasFileno
from gameserver.cluster.host_folder import HostFolder
from gameserver.cluster.unix_socket import UnixSocketError


class Peers:
    """The nodes whose sockets are in ``folder``.  Channels run in ``nursery``."""

    def __init__(self, folder: HostFolder, nursery: trio.Nursery) -> None:
        self._folder = folder
        #: Runs channels, and calls that nobody waits for.
        self.nursery = nursery
        self._callers: dict[int, Caller] = {}

    async def call(
        self,
        index: int,
        name: str,
        *arguments: Any,
        descriptors: Sequence[HasFileno] = (),
        within_s: float = RESULT_DEADLINE_S,
    ) -> Any:
        """Call an operation of a node; ``CallFailed`` or ``CallRefused``."""
        try:
            caller = self._caller(index)
            return await caller.call(name, *arguments, descriptors=descriptors, within_s=within_s)
        except CallFailed as error:
            if not error.unsent:
                raise
            # The node may have started anew, behind another socket of the same name.
            self._callers.pop(index, None)
            caller = self._caller(index)
            return await caller.call(name, *arguments, descriptors=descriptors, within_s=within_s)

    def _caller(self, index: int) -> Caller:
        caller = self._callers.get(index)
        if caller is None or caller.ended:
            try:
                sock = unix_socket.connect(self._folder.node(index))
            except UnixSocketError as error:
                raise CallFailed(str(error), unsent=True) from error
            caller = Caller(DescriptorChannel(sock, max_body_bytes=MAX_MESSAGE_BYTES))
            self._callers[index] = caller
            self.nursery.start_soon(caller.run)
        return caller
