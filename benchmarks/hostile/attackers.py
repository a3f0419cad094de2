"""The attackers' own process: ``python -m benchmarks.hostile.attackers ATTACK PORT TLS_PORT SEED``.

Owns its life: it says when it is ready, attacks from the first line on its standard input to its
end, and then prints what it did as a line of JSON.
Nice: where it shares a core with honest players, they come first, for they measure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final

import attrs
import trio

from benchmarks.hostile.attacks import ATTACKS, run
from benchmarks.hostile.target import Tally, Target
from benchmarks.machine import ROOT, BenchmarkError
from gameserver.config import Settings
from gameserver.runtime.open_files import within_open_files

MODULE: Final = "benchmarks.hostile.attackers"
NICENESS: Final = 10
END_TIMEOUT_S: Final = 10.0


class Attackers:
    """A process of attackers, which waits for ``begin``; ``tally`` is known once it has ended.

    Its methods wait for the process: not for a thread that measures.
    """

    def __init__(self, attack: str, port: int, tls_port: int, *, seed: int, core: int) -> None:
        command = ["taskset", "--cpu-list", str(core), sys.executable]
        self._process = subprocess.Popen(
            [*command, "-m", MODULE, attack, str(port), str(tls_port), str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.tally = Tally()
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self.kill()
            raise BenchmarkError("the attackers' process failed")

    def begin(self) -> None:
        """Attack from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """End the attack and note what was done; ``BenchmarkError`` if they had failed."""
        try:
            told, _ = self._process.communicate(timeout=END_TIMEOUT_S)
            self.tally = Tally(**json.loads(told))
        except subprocess.TimeoutExpired:
            raise BenchmarkError("the attackers did not stop") from None
        except ValueError:
            raise BenchmarkError("the attackers' process failed") from None
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the process and its children, if they still run; idempotent."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@attrs.frozen
class Camp:
    """Where attackers come from, and whom they attack."""

    port: int
    tls_port: int
    core: int

    async def ready(self, attack: str, seed: int) -> Attackers:
        """Return a process of attackers that waits to begin."""
        return await trio.to_thread.run_sync(
            partial(Attackers, attack, self.port, self.tls_port, seed=seed, core=self.core)
        )

    async def attack(self, attack: str, seed: int, seconds: float) -> Tally:
        """Attack for so long; a cancelled attack ends at once."""
        attackers = await self.ready(attack, seed)
        try:
            attackers.begin()
            await trio.sleep(seconds)
            await trio.to_thread.run_sync(attackers.end)
        finally:
            attackers.kill()
        return attackers.tally

    async def rehearse(self, names: Iterable[str]) -> None:
        """Have each attack for a moment, unmeasured: what a process allocates once is no leak."""
        for name in names:
            await self.attack(name, 0, ATTACKS[name].full_after_s)


async def _until_end_of_input(attack: str, port: int, tls_port: int, seed: int) -> Tally:
    chosen = ATTACKS[attack]
    target = Target(port, tls_port, chosen.addresses, seed)
    async with trio.lowlevel.FdStream(os.dup(0)) as standard_input:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if not await standard_input.receive_some():
            return target.tally
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, chosen, target)
            async for _ in standard_input:
                pass
            nursery.cancel_scope.cancel()
    return target.tally


def main() -> None:
    """Run as the process of the attackers."""
    os.nice(NICENESS)
    within_open_files(Settings())
    attack, port, tls_port, seed = sys.argv[1:]
    tally = trio.run(_until_end_of_input, attack, int(port), int(tls_port), int(seed))
    sys.stdout.write(json.dumps(attrs.asdict(tally)) + "\n")


if __name__ == "__main__":
    main()
