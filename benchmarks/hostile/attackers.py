"""The attackers' own process: ``python -m benchmarks.hostile.attackers ATTACK PORT TLS_PORT SEED``.

Owns its life: it attacks until its standard input ends, then prints what it did as a line of JSON.
Nice: where it shares a core with honest players, they come first, for they measure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs
import trio

from benchmarks.hostile.attacks import ATTACKS, run
from benchmarks.hostile.target import Tally, Target
from benchmarks.machine import ROOT, BenchmarkError
from gameserver.config import Settings
from gameserver.runtime.open_files import within_open_files

NICENESS: Final = 10
END_TIMEOUT_S: Final = 10.0


class Attackers:
    """A running process of attackers; ``tally`` is known once it has ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.tally = Tally()

    def end(self) -> None:
        """Let them go, and note what they did; ``BenchmarkError`` if they had failed."""
        if self._process.poll() is not None and self._process.returncode:
            raise BenchmarkError("the attackers' process failed")
        try:
            told, _ = self._process.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BenchmarkError("the attackers did not stop") from None
        self.tally = Tally(**json.loads(told))

    def kill(self) -> None:
        """End them without asking; idempotent."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def attackers(
    attack: str, port: int, tls_port: int, *, seed: int, core: int
) -> Iterator[Attackers]:
    """Attack from a process of its own, on ``core``, until ``end`` or the end of the block."""
    command = ["taskset", "--cpu-list", str(core), sys.executable, "-m", __spec__.name]
    process = subprocess.Popen(
        [*command, attack, str(port), str(tls_port), str(seed)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    running = Attackers(process)
    try:
        yield running
    finally:
        if process.stdin is not None and not process.stdin.closed:
            running.kill()


async def _until_end_of_input(attack: str, port: int, tls_port: int, seed: int) -> Tally:
    chosen = ATTACKS[attack]
    target = Target(port, tls_port, chosen.addresses, seed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, chosen, target)
        async with trio.lowlevel.FdStream(os.dup(0)) as standard_input:
            async for _ in standard_input:
                pass
        nursery.cancel_scope.cancel()
    return target.tally


def main() -> None:
    """Be the process."""
    os.nice(NICENESS)
    within_open_files(Settings())
    attack, port, tls_port, seed = sys.argv[1:]
    tally = trio.run(_until_end_of_input, attack, int(port), int(tls_port), int(seed))
    sys.stdout.write(json.dumps(attrs.asdict(tally)) + "\n")


if __name__ == "__main__":
    main()
