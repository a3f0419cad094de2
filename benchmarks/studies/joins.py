"""``joins``: how many join per second, to their first delta, while others play.

Those who join go to a room of their own in which nothing moves (``worlds.Arrivals``), on the same
core: else the price of the deltas that those get who are in already would be most of it.
"""

from __future__ import annotations

from typing import Final

import attrs

from benchmarks import measure
from benchmarks.generator import Generator
from benchmarks.records import Record
from benchmarks.servers import OURSELVES, RunningServer, Setting
from benchmarks.speech import mover_speech
from benchmarks.studies.session import Session

#: Those who play are watched for as long as the storm takes at this rate.
SLOWEST_JOINS_PER_S: Final = 100


def run(session: Session, playing: int, joining: int, at_once: int) -> list[Record]:
    """Let ``joining`` players join, ``at_once`` at a time; record what the others notice."""
    return [_storm(session, playing, joining, at_once) for _ in range(session.repeats)]


def _storm(session: Session, playing: int, joining: int, at_once: int) -> Record:
    driver = session.driver
    setting = Setting(world="bigworld", players=playing, joining=joining)
    with RunningServer(OURSELVES, setting, driver.cores.server) as server:
        empty = measure.rss_bytes(server.pid)
        speech = OURSELVES.speech(setting)
        window_s = max(session.window_s, joining / SLOWEST_JOINS_PER_S)
        those = session.load(playing, window_s=window_s)
        base = Generator(server.port, speech, those, driver.cores.load)
        with base:
            joined = base.wait_for("joined")
            base.wait_for("begin")
            before = measure.times(server.pid, driver.cores.server)
            load = session.load(joining, commands_per_s=0, joining=at_once, window_s=0.1)
            to_arrivals = mover_speech("arrivals")
            with Generator(server.port, to_arrivals, load, driver.cores.load) as storm:
                stormed = storm.wait_for("joined")
                told = base.wait_for("end")
            spent = measure.times(server.pid, driver.cores.server).since(before)
            resident = measure.rss_bytes(server.pid)
        more = {
            "joined": stormed["joined"],
            "not_joined": stormed["failed"] + stormed["unfinished"],
            "storm_s": stormed["seconds"],
            "storm_joins_per_s": stormed["joined"] / stormed["seconds"],
            "join_ms": stormed["join_ms"],
            "fewest_deltas": told["fewest_deltas"],
            "most_deltas": told["most_deltas"],
        }
    record = driver.record("joins", OURSELVES, setting, told, joined, more, spent, empty, resident)
    if stormed["seconds"] > window_s:
        record = attrs.evolve(record, complaints=(*record.complaints, "the storm took longer"))
    return session.keep(record)
