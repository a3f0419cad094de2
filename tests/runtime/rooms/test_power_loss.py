"""Durable rooms after a power loss: nothing that was acknowledged as synced is lost."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gameserver.games.arena.room import Arena
from gameserver.rehearsing.script import Script
from gameserver.runtime.rooms import journal_files
from gameserver.runtime.rooms.journal_files import JournalFile
from gameserver.runtime.rooms.recovery import recover
from gameserver.state.hash import state_hash
from gameserver.state.journal.recorder import JournalEncoder, header_of
from gameserver.state.snapshot import capture
from tests.support.examples import examples
from tests.support.journaled_play import JournaledPlay
from tests.support.power_loss import DiskLog, after_power_loss


class Fort(Arena):
    durable = True


TICKS = 70
FOLDER = Path("nowhere")


@attrs.frozen
class Promised:
    """Everything up to this tick of this life is safe."""

    epoch: int
    tick: int


@attrs.frozen
class Recorded:
    """What two lives of a room did to the disk, and the hashes of their states, by life and tick.

    The first life was killed.  So the second begins with files whose last writes are not synced.
    """

    done: list[Any]
    hashes: dict[tuple[int, int], bytes]


@functools.cache
def recorded() -> Recorded:
    log, hashes = DiskLog(), {}
    with pytest.MonkeyPatch.context() as system:
        system.setattr(journal_files, "open", log.open, raising=False)
        system.setattr("os.fsync", log.fsync)
        system.setattr(journal_files, "sync_folder", log.sync_folder)
        for epoch in (1, 2):
            play = JournaledPlay(Fort("test/1"), key_frame_every_ticks=20)
            script = Script(Fort, 3, seed=epoch)
            header = header_of(play.room, "test/1", epoch=epoch, began_s=0.0, version="1")
            id_ = bytes([epoch] * 8)
            encoder = JournalEncoder(header, id_, part_bytes=30_000)
            journal = JournalFile(play.recorder, encoder, "test/1", id_, durable=True)
            earlier = [(attrs.evolve(header, epoch=before), FOLDER) for before in range(1, epoch)]
            system.setattr(journal_files, "headers_in", lambda *_, found=earlier: found)
            for tick in range(1, TICKS + 1):
                play.rehearsal._play(script.actions(play.room.players))
                hashes[epoch, tick] = state_hash(capture(play.rehearsal._stepper))
                play.tick_over()
                if tick % 3 == 0:
                    batch = play.recorder.take()
                    assert journal.write(batch, FOLDER, lambda: None) is None
                    play.recorder.written(batch)
                if tick % 9 == 0:
                    assert journal.sync() is None
                    log.done.append(Promised(epoch, tick))
    return Recorded(log.done, hashes)


@settings(max_examples=examples(40))
@given(st.data())
def test_nothing_that_was_synced_is_lost(data: st.DataObject) -> None:
    done = recorded().done
    done = done[: data.draw(st.integers(0, len(done)))]
    promised = next((one for one in reversed(done) if isinstance(one, Promised)), None)
    left = after_power_loss([one for one in done if not isinstance(one, Promised)], data.draw)
    with tempfile.TemporaryDirectory() as folder, capture_logs():
        for path, content in left.items():
            (Path(folder) / path.name).write_bytes(content)
        recovered = trio.run(recover, Path(folder), {"test": Fort})
    if promised is not None:
        assert len(recovered) == 1
        tick = recovered[0].stepper.room.tick_number
        assert (recovered[0].epoch, tick) >= (promised.epoch, promised.tick)
    for room in recovered:
        tick = room.stepper.room.tick_number
        if tick:
            expected = recorded().hashes[room.epoch, tick]
            assert state_hash(capture(room.stepper)) == expected
