"""``idle``, ``wss`` and ``memory``: our own server in one setting after the other."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Sequence

from benchmarks.building import can_compile_tls
from benchmarks.machine import BenchmarkError
from benchmarks.moves import ROOM_SIZES
from benchmarks.records import Record
from benchmarks.servers import OURSELVES, Setting
from benchmarks.studies.session import Session
from gameserver.runtime.net.tls import make_development_certificate


def run_idle(session: Session, players: Sequence[int], rooms: int) -> list[Record]:
    """Measure a room where nothing changes and nobody sends anything.

    If ``rooms`` is not 0, measure that many rooms of two players each instead.
    """
    world = "idle-duels" if rooms else "idle"
    players = [rooms * ROOM_SIZES[world]] if rooms else players
    found = [
        session.measure(
            "idle",
            OURSELVES,
            Setting(world=world, players=count),
            session.load(count, commands_per_s=0),
        )
        for _ in range(session.repeats)
        for count in players
    ]
    return [record for record in found if record is not None]


def run_wss(session: Session, players: Sequence[int]) -> list[Record]:
    """Measure the big world over ws and over wss in turn."""
    if not can_compile_tls():
        raise BenchmarkError("wss needs OpenSSL's headers; on Debian: apt-get install libssl-dev")
    found: list[Record | None] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        paths = make_development_certificate(pathlib.Path(folder))
        certificate = (paths.certificate, paths.key)
        for _ in range(session.repeats):
            for count in players:
                for tls in (False, True):
                    setting = Setting(
                        world="bigworld", players=count, certificate=certificate if tls else None
                    )
                    load = session.load(count, tls=tls)
                    more = {"scheme": "wss" if tls else "ws"}
                    found.append(session.measure("wss", OURSELVES, setting, load, more=more))
    return [record for record in found if record is not None]


def run_memory(session: Session, players: Sequence[int]) -> list[Record]:
    """Measure what resident memory comes with these numbers of players in the big world."""
    found = [
        session.measure(
            "memory", OURSELVES, Setting(world="bigworld", players=count), session.load(count)
        )
        for _ in range(session.repeats)
        for count in players
    ]
    return [record for record in found if record is not None]
