"""Messages of the load generator, and the choice of servers."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from benchmarks.machine import BenchmarkError
from benchmarks.moves import passing_beside
from benchmarks.pilots import arena_speech, record_steering, split_frame
from benchmarks.servers import CONTENDERS, FLOOR, OURSELVES, Setting, room_of
from benchmarks.speech import (
    ROOM_PLACE,
    Speech,
    colyseus_speech,
    mover_speech,
    plain_speech,
)
from benchmarks.studies.compare import chosen, having
from benchmarks.worlds import BigWorld, Turn
from gameserver.games.arena.room import Arena
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import CommandMessage, Hello, decode_from_client, pack


def command_of(speech: Speech, seq: int, tick: int, tail: bytes) -> bytes:
    """The messages that load.c sends."""
    values = {"s": seq, "0": 0, "t": tick, "w": 32 * tick}
    stamps = [pack(values[letter]) for letter in speech.stamps]
    return speech.head + b"".join(stamps) + tail


def test_our_server_understands_the_generator() -> None:
    speech = mover_speech()
    assert isinstance(decode_from_client(speech.open), Hello)
    schema = BigWorld.schema()
    for tail in speech.tails[:20]:
        message = decode_from_client(command_of(speech, 300, 70_000, tail))
        assert isinstance(message, CommandMessage)
        assert (message.seq, message.tick) == (300, 0)
        assert (message.rendered, message.acked) == (32 * 70_000, 70_000)
        assert isinstance(schema.commands[message.kind].from_wire(message.values), Turn)


def test_plain_peers_understand_the_generator() -> None:
    speech = plain_speech()
    assert msgpack.unpackb(command_of(speech, 300, 0, b"\x07")) == [300, 7]


def test_colyseus_is_told_to_go_on() -> None:
    speech = colyseus_speech()
    assert speech.first == b"\x0a"
    assert command_of(speech, 1, 1, b"\x07") == b"\x0d\xa1t\x07"


@pytest.mark.parametrize(("world", "size"), [("matches", 10), ("duels", 2), ("churn", 10)])
def test_players_of_small_rooms_are_told_which(world: str, size: int) -> None:
    setting = Setting(world=world, players=100)
    assert setting.room_size == size
    hello = decode_from_client(OURSELVES.speech(setting).open)
    assert isinstance(hello, Hello)
    assert hello.room == room_of(setting)
    assert room_of(setting) in {f"match/{ROOM_PLACE}", f"duel/{ROOM_PLACE}"}
    assert FLOOR.speech(setting).path == f"/{ROOM_PLACE}"
    assert ROOM_PLACE in CONTENDERS["colyseus"].speech(setting).match_body
    for contender in CONTENDERS.values():
        speech = contender.speech(setting)
        assert speech.room_size == (size if world in contender.worlds else speech.room_size)


def test_players_of_one_room_are_not_told_which() -> None:
    setting = Setting(world="bigworld", players=100)
    assert setting.room_size == 0
    assert FLOOR.speech(setting).path == "/"
    assert {contender.speech(setting).room_size for contender in CONTENDERS.values()} == {0}


def test_only_churn_has_players_who_come_and_go() -> None:
    assert passing_beside("matches", 1000) == 0
    # 20 rooms a second, each of ten for two seconds and a quarter until the next.
    assert passing_beside("churn", 500) == 450
    assert passing_beside("churn", 1) == 10


def test_the_list_of_tails_reaches_the_generator_in_a_file(tmp_path: Path) -> None:
    speech = Speech(head=b"\x92", tails=[b"\x00\x01", b"\xff"], delta_at=1, delta_byte=18)
    flags = speech.flags(tmp_path)
    assert flags[flags.index("--tails") + 1] == str(tmp_path / "tails")
    assert (tmp_path / "tails").read_text() == "0001\nff\n"
    assert flags[flags.index("--delta-byte") + 1] == "18"
    assert flags[flags.index("--path") + 1] == "/"


def test_recorded_pilots_fly_and_shoot() -> None:
    steering = record_steering(bots=4, ticks=150)
    assert any(command.thrust for command in steering)
    assert any(command.fire for command in steering)
    assert len({command.aim for command in steering}) > 20
    assert record_steering(bots=4, ticks=150) == steering


def test_the_arena_understands_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    short = record_steering(bots=2, ticks=60)
    monkeypatch.setattr("benchmarks.pilots.record_steering", lambda: short)
    speech = arena_speech()
    schema = Arena.schema()
    takes_off = decode_from_client(speech.first)
    assert isinstance(takes_off, CommandMessage)
    assert type(schema.commands[takes_off.kind].from_wire(takes_off.values)).__name__ == "Play"
    for tail in speech.tails:
        message = decode_from_client(command_of(speech, 2, 5, tail))
        assert isinstance(message, CommandMessage)
        schema.commands[message.kind].from_wire(message.values)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frames_are_split(length: int) -> None:
    payload = bytes(length)
    assert split_frame(binary_frame(payload) + b"rest") == (payload, b"rest")


def test_contenders_are_chosen_by_name_and_we_come_first() -> None:
    assert [c.name for c in chosen(("floor", "gameserver"))] == ["gameserver", "floor"]
    assert len(chosen(())) == len(CONTENDERS) == 7
    with pytest.raises(BenchmarkError, match="there is no server flor; there are gameserver, fl"):
        chosen(("gameserver", "flor"))


def test_contenders_are_those_that_have_the_world() -> None:
    assert "plain_trio" in {c.name for c in having("bigworld", ())}
    assert "plain_trio" not in {c.name for c in having("duels", ())}
    assert having("idle", ()) == [OURSELVES]
    with pytest.raises(BenchmarkError, match="none of these servers has the world matchs"):
        having("matchs", ())
