"""A real TCP connection over a link that loses packets: two namespaces, two devices, one relay.

Owns the processes of both ends.  Everything is gone once they end: namespaces without a name last
no longer than their processes.  Needs Linux, ``/dev/net/tun``, and root or user namespaces.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from typing import Final

import attrs

from benchmarks.machine import ROOT, BenchmarkError
from benchmarks.tcploss.plan import Plan
from benchmarks.tcploss.relay import Relay, Wire
from clients.lab.profiles import Profile

#: For both ends to have their devices.
READY_WITHIN_S: Final = 20.0
#: For what is still on its way at the end, retransmissions included.
LINGER_S: Final = 60.0


@attrs.frozen
class Carried:
    """The delay of each message in seconds, and the counts of the wires."""

    up_s: list[float]
    down_s: list[float]
    packets: int
    packets_lost: int


class _End:
    """One end: its process, and the descriptor of its device."""

    def __init__(self, role: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = ours
        ours.settimeout(READY_WITHIN_S)
        alone = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
        with theirs:
            number = theirs.fileno()
            command = [*alone, sys.executable, "-m", "benchmarks.tcploss.end", role, str(number)]
            try:
                self.process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    pass_fds=[number],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            except OSError as error:
                ours.close()
                raise BenchmarkError(f"no network namespace: {error}") from error

    def device(self) -> int:
        """Wait for the device, and return its descriptor; ``BenchmarkError`` if there is none."""
        try:
            _, descriptors, _, _ = socket.recv_fds(self.control, 16, 1)
        except OSError as error:
            raise BenchmarkError(f"no TUN device: {error}") from error
        if not descriptors or self.control.recv(16) != b"ready":
            _, told = self.process.communicate(timeout=READY_WITHIN_S)
            why = told.strip().splitlines()[-1:] or ["the process ended"]
            raise BenchmarkError(f"the lossy link cannot be made: {why[0]}")
        return descriptors[0]

    def begin(self, plan: Plan) -> None:
        self.control.send(json.dumps(attrs.asdict(plan)).encode())

    def result(self, within_s: float) -> list[float]:
        out, told = self.process.communicate(timeout=within_s)
        if self.process.returncode:
            raise BenchmarkError(f"an end of the lossy link failed: {told.strip()[-300:]}")
        found: list[float] = json.loads(out)
        return found

    def close(self) -> None:
        self.control.close()
        with self.process:  # closes its pipes, and waits
            self.process.kill()


def carry(profile: Profile, plan: Plan, seed: str) -> Carried:
    """Send messages both ways by the kernel's TCP over a link like ``profile``."""
    ends: list[_End] = []
    stop = threading.Event()
    relaying: threading.Thread | None = None
    devices: list[int] = []
    try:
        near = _End("near")
        ends.append(near)
        far = _End("far")
        ends.append(far)
        devices += [end.device() for end in ends]
        up, down = Wire(profile.up, f"{seed}/up"), Wire(profile.down, f"{seed}/down")
        relay = Relay(devices[0], devices[1], up, down)
        relaying = threading.Thread(target=relay.run, args=(stop.is_set,), daemon=True)
        relaying.start()
        for end in ends:
            end.begin(plan)
        down_s = near.result(plan.seconds + LINGER_S)
        up_s = far.result(LINGER_S)
        return Carried(up_s, down_s, up.carried + down.carried, up.lost + down.lost)
    finally:
        stop.set()
        if relaying is not None:
            relaying.join()
        for end in ends:
            end.close()
        for device in devices:
            os.close(device)
