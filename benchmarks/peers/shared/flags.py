"""The command line that all Python peers take."""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple


class Flags(NamedTuple):
    """The world, its number of players, its ticks a second, and the port (0: any free one)."""

    world: str
    players: int
    rate: float
    port: int


def read_flags() -> Flags:
    """Return what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--world", default="bigworld")
    parser.add_argument("--players", type=int, default=100)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    return Flags(given.world, given.players, given.rate, given.port)


def announce(port: int) -> None:
    """Print the address of this server for the process that started it."""
    sys.stdout.write(f"listening {port}\n")
    sys.stdout.flush()
