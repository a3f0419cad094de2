"""One process of a swarm, started by ``swarm_processes.py``.

Owns its ends of the two pipes.  Ends when standard input ends, and ignores an interrupt from the
keyboard, which reaches all processes of a terminal: the parent handles it.
"""

from __future__ import annotations

import signal
import sys

import trio

from clients.bots.figures import Figures
from clients.bots.swarm import run_swarm, tls_context
from clients.bots.swarm_processes import Assignment


async def main(assignment: Assignment) -> None:
    """Run the bots and write their figures until standard input ends."""
    context = tls_context(assignment.url, assignment.ca_file)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_at_end_of_input, nursery.cancel_scope)
        await run_swarm(assignment, ssl_context=context, report=_write)
        nursery.cancel_scope.cancel()


async def _cancel_at_end_of_input(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(sys.stdin.fileno()) as stream:
        while await stream.receive_some():
            pass
    scope.cancel()


def _write(figures: Figures) -> None:
    # The parent reads at once; if it has ended, standard input has ended too.
    sys.stdout.write(figures.to_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    trio.run(main, Assignment.from_json(sys.argv[1]))
