"""Measures one connection with WebSocket ping frames, and notices when nobody answers.

Owns the payloads, which answers may be believed, and the count of unanswered pings.  Never
closes anything and never reads messages: it tells its session.

What trio-websocket does with pings decides how this is written (its ``ping``): a pong wakes
the ping that it answers *and all older ones*, so being woken proves that the peer lives but
is a measurement only for the newest ping woken; and a cancelled ``ping`` stays in its books, so
a ping here is never cancelled but with the whole session.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final, Protocol

import trio
import trio_websocket

from gameserver.protocol.latency import Latency, LatencyEstimator

#: So many pings in a row without an answer, each given a whole interval, end the session.
MAX_UNANSWERED: Final = 3
PAYLOAD_BYTES: Final = 8


class Pingable(Protocol):
    """What sends a ping frame and waits for its pong: a ``WebSocketConnection``."""

    async def ping(self, payload: bytes | None = None) -> None:
        """Return when the pong for this or a later ping has arrived."""


class Heartbeat:
    """Pings ``peer`` every ``interval_s``; tells ``on_answer`` what is known after an answer."""

    def __init__(
        self, peer: Pingable, interval_s: float, on_answer: Callable[[Latency], None]
    ) -> None:
        self._peer = peer
        self._interval_s = interval_s
        self._on_answer = on_answer
        self._estimator = LatencyEstimator()
        self._sent = 0
        self._newest_answered = 0

    async def run_until_unanswered(self) -> None:
        """Ping until ``MAX_UNANSWERED`` pings in a row went unanswered; then return.

        The first ping goes out at once, so that a player's latency is known early.
        """
        async with trio.open_nursery() as nursery:
            while self._sent - self._newest_answered < MAX_UNANSWERED:
                self._sent += 1
                nursery.start_soon(self._ping, self._sent)
                await trio.sleep(self._interval_s)
            nursery.cancel_scope.cancel()

    async def _ping(self, number: int) -> None:
        sent_s = trio.current_time()
        try:
            # Not to be guessed: a pong sent in advance would make a player look nearer.
            await self._peer.ping(secrets.token_bytes(PAYLOAD_BYTES))
        except trio_websocket.ConnectionClosed:
            return  # the session's reader learns it too, and ends the session
        rtt_s = trio.current_time() - sent_s
        self._newest_answered = max(self._newest_answered, number)
        # All pings woken by one pong run before anything else does; then the newest is known.
        await trio.lowlevel.checkpoint()
        if number == self._newest_answered:
            self._on_answer(self._estimator.sample(rtt_s))
