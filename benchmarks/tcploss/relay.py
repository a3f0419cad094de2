"""The wire between two TUN devices: delays, jitters and drops IP packets by a ``Path`` of the lab.

Owns the packets on their way.  Never looks into one but for the ports that tell its flow: packets
of one flow keep their order, as a queue does, and flows do not delay each other.
"""

from __future__ import annotations

import heapq
import os
import random
import select
import time
from collections.abc import Callable
from typing import Final

from clients.lab.path import Path

MOST_PACKET_BYTES: Final = 2048
#: IPv4 (RFC 791, 3.1): the first nibble; the length of the header in words; the protocol's number.
_IPV4: Final = 4
_TCP: Final = 6


def flow_of(packet: bytes) -> bytes | None:
    """Return the ports of a TCP packet over IPv4; None if it is something else."""
    if len(packet) < 40 or packet[0] >> 4 != _IPV4 or packet[9] != _TCP:
        return None
    header_bytes = (packet[0] & 0x0F) * 4
    return packet[header_bytes : header_bytes + 4]


class Wire:
    """One direction: when each packet comes out, if it does."""

    def __init__(self, path: Path, seed: str) -> None:
        self.carried = 0
        self.lost = 0
        self._path = path
        self._rng = random.Random(seed)
        #: Flow → when its newest packet comes out.
        self._newest_s: dict[bytes, float] = {}

    def arrival_s(self, now_s: float, flow: bytes) -> float | None:
        """Return when a packet that enters at ``now_s`` comes out; None: it is lost."""
        arrives_s = now_s + self._path.delay_s + self._rng.expovariate(1.0) * self._path.jitter_s
        self.carried += 1
        if self._rng.random() < self._path.loss:
            self.lost += 1
            return None
        arrives_s = max(arrives_s, self._newest_s.get(flow, arrives_s))
        self._newest_s[flow] = arrives_s
        return arrives_s


class Relay:
    """Carries packets between the TUN devices ``near`` and ``far`` until told to stop."""

    def __init__(self, near: int, far: int, up: Wire, down: Wire) -> None:
        #: A device → what is read from it goes over this wire, into that device.
        self._ways = {near: (up, far), far: (down, near)}
        #: (when it comes out, in which order it came, into which device, the packet)
        self._held: list[tuple[float, int, int, bytes]] = []
        self._count = 0

    def run(self, stopped: Callable[[], bool]) -> None:
        """Carry until ``stopped``, which is asked after each packet and ten times a second."""
        while not stopped():
            now_s = time.monotonic()
            wait_s = min(0.1, max(0.0, self._held[0][0] - now_s)) if self._held else 0.1
            ready, _, _ = select.select(list(self._ways), [], [], wait_s)
            now_s = time.monotonic()
            for device in ready:
                self._take(device, now_s)
            while self._held and self._held[0][0] <= now_s:
                _, _, device, packet = heapq.heappop(self._held)
                os.write(device, packet)

    def _take(self, device: int, now_s: float) -> None:
        packet = os.read(device, MOST_PACKET_BYTES)
        wire, to = self._ways[device]
        flow = flow_of(packet)
        if flow is None:
            return  # the kernel looks for IPv6 neighbours, which there are none of
        arrives_s = wire.arrival_s(now_s, flow)
        if arrives_s is not None:
            self._count += 1
            heapq.heappush(self._held, (arrives_s, self._count, to, packet))
