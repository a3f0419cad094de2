"""The shared sockets of a host: to a message and back, without a descriptor left open."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gameserver.cluster.descriptors import ChannelError, Received
from gameserver.cluster.host_sockets import Descriptor, HostSockets


def listener() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


def port_of(sock: socket.socket) -> int:
    number: int = sock.getsockname()[1]
    return number


def as_received(sockets: HostSockets) -> tuple[list[object], Received]:
    roles, descriptors = sockets.to_message()
    return roles, Received(None, [os.dup(each.fileno()) for each in descriptors])


@pytest.fixture
def sockets(tmp_path: Path) -> HostSockets:
    lock = Descriptor(os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR))
    own = {0: [listener()], 2: [listener()]}
    return HostSockets([listener()], [listener(), listener()], own, lock)


def test_a_copy_has_the_same_sockets(sockets: HostSockets) -> None:
    before = len(os.listdir("/proc/self/fd"))
    copy = HostSockets.take(*as_received(sockets))
    assert list(map(port_of, copy.plain)) == list(map(port_of, sockets.plain))
    assert list(map(port_of, copy.tls)) == list(map(port_of, sockets.tls))
    assert [*copy.own_tls] == [0, 2]
    assert copy.lock is not None
    copy.close()
    copy.close()
    assert len(os.listdir("/proc/self/fd")) == before
    sockets.close()


def test_a_node_gets_its_own_tls_port_only(sockets: HostSockets) -> None:
    assert [*sockets.for_node(2).own_tls] == [2]
    assert [*sockets.for_node(1).own_tls] == []
    sockets.close()


def test_what_is_missing_is_kept_and_the_rest_closed(sockets: HostSockets) -> None:
    mine = HostSockets(plain=[listener()])
    kept = port_of(mine.plain[0])
    mine.adopt(HostSockets.take(*as_received(sockets)))
    assert list(map(port_of, mine.plain)) == [kept]
    assert len(mine.tls) == 2
    assert mine.lock is not None
    mine.close()
    sockets.close()


@pytest.mark.parametrize("wrong", [["udp", 0], ["port", 0], "port", ["own_tls_port", "x"]])
def test_a_wrong_message_is_refused_and_nothing_stays_open(
    wrong: object, sockets: HostSockets
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    roles, received = as_received(sockets)
    with received, pytest.raises(ChannelError):
        HostSockets.take([*roles, wrong], received)
    assert len(os.listdir("/proc/self/fd")) == before
    sockets.close()
