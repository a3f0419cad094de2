"""Clients that are stopped in the middle of a game: ``python -m benchmarks.hostile.stopped …``.

Owns a process that joins several times over, as long as it takes to answer a ping each time, says
so, and stops itself with SIGSTOP.  From then on the kernel acknowledges bytes for it, and nobody
reads or answers.  The process that started it must kill it.  Arguments: the
port, the source address, and a name for each client.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Final

from benchmarks.hostile.light import PING, PONG, first_frame
from tests.support.attack_bytes import UPGRADE, hello, masked

#: For each answer of the server.
ANSWER_WITHIN_S: Final = 10.0


def joined(port: int, address: str, name: str) -> socket.socket:
    """Return a connection that has joined and answered a ping, so that its seat will be held."""
    sock = socket.create_connection(
        ("127.0.0.1", port), timeout=ANSWER_WITHIN_S, source_address=(address, 0)
    )
    sock.sendall(UPGRADE)
    answer = _receive(sock)
    while b"\r\n\r\n" not in answer:
        answer += _receive(sock)
    sock.sendall(masked(hello(name)))
    data = answer.partition(b"\r\n\r\n")[2]
    while True:
        if (frame := first_frame(data)) is None:
            data += _receive(sock)
            continue
        first, payload, used = frame
        data = data[used:]
        if first == PING:
            sock.sendall(masked(payload, PONG))
            return sock


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise ConnectionError("the server hung up")
    return data


def main() -> None:
    """Run as the process that is stopped."""
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
