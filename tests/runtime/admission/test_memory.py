"""Joins that wait when memory is short."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from gameserver.config import Settings
from gameserver.errors import JoinRefused
from gameserver.runtime.admission import memory
from gameserver.runtime.admission.connection_limits import ConnectionLimits, Peer, Reason
from gameserver.runtime.admission.memory import LOOK_EVERY_S, MemoryWatch, Use, uses

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("used", "limit", "short"),
    [
        (0, 1024, False),
        (959, 1024, False),
        (961, 1024, True),
        (1100, 1024, True),
        (111, 128, False),  # of a small limit the reserve is an eighth
        (113, 128, True),
    ],
)
def test_an_eighth_of_the_limit_is_kept_but_not_too_much(
    used: int, limit: int, *, short: bool
) -> None:
    assert Use(used * MIB, limit * MIB).is_short is short


def test_it_looks_only_now_and_then() -> None:
    looks = [[Use(0, 100)], [Use(0, 100), Use(99, 100)], []]
    watch = MemoryWatch(lambda: looks.pop(0))
    assert not watch.is_short(0.0)
    assert not watch.is_short(LOOK_EVERY_S * 0.9)
    assert len(looks) == 2
    assert watch.is_short(LOOK_EVERY_S)
    assert not watch.is_short(LOOK_EVERY_S * 2)


def test_the_limit_of_the_address_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_of_cgroup", lambda *_: None)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert uses() == []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**40, resource.RLIM_INFINITY))
    (use,) = uses()
    assert use.limit_bytes == 2**40
    assert MIB < use.used_bytes < 2**40


@pytest.fixture
def group(tmp_path: Path) -> Path:
    group = tmp_path / "fs" / "pods" / "game"
    group.mkdir(parents=True)
    (tmp_path / "cgroup").write_text("0::/pods/game\n")
    (group / "memory.max").write_text("1000\n")
    (group / "memory.current").write_text("700\n")
    (group / "memory.stat").write_text("anon 400\ninactive_file 200\nactive_file 50\n")
    return group


def test_the_limit_of_a_container(group: Path, tmp_path: Path) -> None:
    def use() -> Use | None:
        return memory._of_cgroup(tmp_path / "cgroup", tmp_path / "fs")

    assert use() == Use(450, 1000)
    (group / "memory.max").write_text("max\n")
    assert use() is None
    (group / "memory.max").write_text("odd\n")
    assert use() is None
    (tmp_path / "cgroup").write_text("5:memory:/old\n")
    assert use() is None


def test_newcomers_wait_while_memory_is_short_and_those_who_come_back_do_not() -> None:
    look = [Use(99, 100)]
    connection_limits = ConnectionLimits(Settings(), MemoryWatch(lambda: look))
    with pytest.raises(JoinRefused, match="memory") as refusal:
        connection_limits.let_join(0.0)
    assert refusal.value.code == 4005
    assert refusal.value.retry_after_s is not None
    assert refusal.value.retry_after_s > 0
    assert isinstance(connection_limits.admit("192.0.2.1", 1, 0.1), Peer), "it may be to come back"
    assert connection_limits.turned_away[Reason.MEMORY] == 1
    assert connection_limits.let_join(0.1, returning=True) == 0.0
    look.clear()
    assert connection_limits.let_join(LOOK_EVERY_S) >= 0.0
