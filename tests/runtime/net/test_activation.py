"""Socket activation: which descriptors are taken for which setting, and which are refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gameserver.runtime.net import activation
from gameserver.runtime.net.activation import is_activated, take_activated
from gameserver.runtime.net.listening import StartError, listen


def environment(count: int, names: str | None = None, pid: int | None = None) -> dict[str, str]:
    told = {"LISTEN_PID": str(pid or os.getpid()), "LISTEN_FDS": str(count)}
    return told if names is None else {**told, "LISTEN_FDNAMES": names}


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Three listening sockets in a row of descriptors; return their ports."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        first = 900
        for index, sock in enumerate(sockets):
            os.dup2(sock.fileno(), first + index)
        monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", first)
        yield [sock.getsockname()[1] for sock in sockets]
        for index in range(3):
            with ExitStack() as closing:
                closing.callback(_close, first + index)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the test has closed it


def ports(sockets: list[socket.socket]) -> list[int]:
    numbers = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return numbers


def test_each_socket_is_taken_once_for_the_setting_that_its_name_is(passed: list[int]) -> None:
    told = environment(3, "port:tls_port:port")
    assert ports(take_activated("tls_port", told)) == passed[1:2]
    assert ports(take_activated("port", told)) == [passed[0], passed[2]]
    assert take_activated("port", told) == take_activated("tls_port", told) == []


@pytest.mark.parametrize("names", [None, "", "game.socket", "unknown:unknown", "taken"])
def test_a_socket_with_another_name_is_one_of_the_plain_port(
    passed: list[int], names: str | None
) -> None:
    told = environment(1, names)
    assert take_activated("tls_port", told) == []
    expected = [] if names == "taken" else passed[:1]
    assert ports(take_activated("port", told)) == expected


def test_sockets_for_another_process_are_not_ours(passed: list[int]) -> None:
    assert take_activated("port", environment(3, pid=os.getpid() + 1)) == []
    assert take_activated("port", {}) == []
    assert take_activated("port", {**environment(3), "LISTEN_FDS": "many"}) == []


def test_the_process_that_takes_over_knows_that_there_was_an_activation() -> None:
    assert is_activated(environment(1, pid=os.getpid() + 1))
    assert not is_activated({})
    assert not is_activated({"LISTEN_FDS": "0"})


def test_no_child_inherits_them(passed: list[int]) -> None:
    [sock] = take_activated("port", environment(1))
    with sock:
        assert not sock.get_inheritable()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: socket.socket(socket.AF_UNIX), "not of TCP: use ListenStream=PORT"),
        (lambda: socket.socket(type=socket.SOCK_DGRAM), "not of TCP"),
        (lambda: socket.socket(), "does not listen: use Accept=no"),
    ],
)
async def test_a_socket_of_no_use_is_one_line_for_the_operator(
    monkeypatch: pytest.MonkeyPatch, make: object, why: str
) -> None:
    assert callable(make)
    with make() as sock:
        monkeypatch.setattr(activation, "FIRST_DESCRIPTOR", os.dup(sock.fileno()))
        for name, value in environment(1).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(StartError, match=f"^socket activation: descriptor [0-9]+ .*{why}"):
            await listen("127.0.0.1", 0, "port")
