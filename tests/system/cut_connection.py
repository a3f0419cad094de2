"""A way to a server that can be cut: the lab's proxy, in a thread, for tests without Trio."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import trio

from clients.lab.profiles import profiles_of
from clients.lab.proxy import Endpoint, Proxy, open_proxy

START_DEADLINE_S: Final = 60


class Cuttable:
    """The proxy and its port; ``cuttable`` makes it."""

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self._to = Endpoint("127.0.0.1", to_port)
        self._proxy: Proxy | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._over = trio.Event()
        self._ready = threading.Event()

    def cut(self) -> int:
        """Reset all connections; return how many there were."""
        assert self._proxy is not None
        cut: int = trio.from_thread.run_sync(self._proxy.cut, trio_token=self._token)
        return cut

    def run(self) -> None:
        """Carry connections; for a thread of its own."""
        trio.run(self._carry)

    async def _carry(self) -> None:
        (profile,) = profiles_of("0ms")
        listen = Endpoint("127.0.0.1", 0)
        async with open_proxy(profile, listen=listen, to=self._to, seed="cut") as (proxy, port):
            self._proxy, self.port = proxy, port
            self._token = trio.lowlevel.current_trio_token()
            self._ready.set()
            await self._over.wait()

    def wait_until_ready(self) -> None:
        """Wait until connections are taken."""
        assert self._ready.wait(START_DEADLINE_S)

    def stop(self) -> None:
        """End ``run``."""
        trio.from_thread.run_sync(self._over.set, trio_token=self._token)


@contextlib.contextmanager
def cuttable(to_port: int) -> Iterator[Cuttable]:
    """Let connections through to a port of this machine, until they are cut."""
    made = Cuttable(to_port)
    thread = threading.Thread(target=made.run)
    thread.start()
    made.wait_until_ready()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
