"""Clients that are stopped in the middle of a game: ``python -m benchmarks.hostile.stopped …``.

Owns a process that joins several times over, says so, and stops itself with SIGSTOP.  From then on
the kernel acknowledges what comes for it, and nobody reads or answers.  Whoever started it must
kill it.  Arguments: the port, the address to come from, and a name for each client.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Final

from benchmarks.hostile.ammunition import UPGRADE, hello, masked

#: For each answer of the server.
ANSWER_WITHIN_S: Final = 10.0


def joined(port: int, address: str, name: str) -> socket.socket:
    """Return a connection on which the server has answered upgrade and hello."""
    sock = socket.create_connection(
        ("127.0.0.1", port), timeout=ANSWER_WITHIN_S, source_address=(address, 0)
    )
    for data in (UPGRADE, masked(hello(name))):
        sock.sendall(data)
        if not sock.recv(65536):
            raise ConnectionError("the server hung up")
    return sock


def main() -> None:
    """Be the process."""
    port, address, *names = sys.argv[1:]
    joined_ones = []
    for name in names:
        try:
            joined_ones.append(joined(int(port), address, name))
        except OSError:
            continue  # turned away: that is another attack's concern
    sys.stdout.write(f"{len(joined_ones)}\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    main()
