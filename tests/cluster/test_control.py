"""The control socket: requests and answers, who may ask, and what is left of killed servers."""

from __future__ import annotations

import contextlib
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from gameserver.cluster import descriptors
from gameserver.cluster.control import (
    MAX_CONNECTIONS,
    REQUEST_DEADLINE_S,
    ControlError,
    ControlSocket,
    Handler,
    Request,
    ask,
    control_path,
    converse,
)
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.errors import GameServerError


async def double(request: Request) -> object:
    return {"twice": request.arguments["n"] * 2}


async def refuse(request: Request) -> object:
    raise GameServerError(f"no node is called {request.arguments['node']}")


async def break_down(_request: Request) -> object:
    raise RuntimeError("secret detail")


async def lose_another(_request: Request) -> object:
    raise descriptors.ChannelError("the new process closed its channel")


async def unpackable(_request: Request) -> object:
    return object()


HANDLERS: dict[str, Handler] = {
    "double": double,
    "refuse": refuse,
    "break": break_down,
    "lose": lose_another,
    "unpackable": unpackable,
}


@contextlib.asynccontextmanager
async def serving(path: Path, handlers: dict[str, Handler]) -> AsyncIterator[ControlSocket]:
    with contextlib.closing(ControlSocket.bind(path)) as control:
        async with trio.open_nursery() as nursery:
            await nursery.start(control.serve, handlers)
            yield control
            nursery.cancel_scope.cancel()


def raw_connection(path: Path) -> DescriptorChannel:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    return DescriptorChannel(sock)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "control"


async def test_a_request_is_answered(path: Path) -> None:
    async with serving(path, HANDLERS):
        assert await ask(path, "double", {"n": 21}) == {"twice": 42}
        assert mode_of(path) == 0o600
        assert mode_of(path.parent) == 0o700
    assert not exists(path)


async def test_refusals_are_one_line(path: Path) -> None:
    async with serving(path, HANDLERS):
        with pytest.raises(ControlError, match=r"^no node is called n9$"):
            await ask(path, "refuse", {"node": "n9"})
        with pytest.raises(
            ControlError, match=r"^unknown request 'dance'; this server knows: break, double, "
        ):
            await ask(path, "dance")
        with pytest.raises(ControlError, match=r"^the request failed; the log of the server says"):
            await ask(path, "break")
        with pytest.raises(ControlError, match=r"^the new process closed its channel$"):
            await ask(path, "lose")


@pytest.mark.parametrize("body", [None, [], ["double"], ["double", []], ["double", {1: 2}], 7])
async def test_what_is_no_request_is_answered(path: Path, body: Any) -> None:
    async with serving(path, HANDLERS):
        channel = raw_connection(path)
        await channel.send(body)
        answer = await channel.receive()
        assert answer.body == ["error", "a request is a name and its arguments"]
        channel.close()
        assert await ask(path, "double", {"n": 1}) == {"twice": 2}


async def test_an_answer_that_cannot_be_packed_is_an_error(path: Path) -> None:
    async with serving(path, HANDLERS):
        with pytest.raises(ControlError, match="the request failed"):
            await ask(path, "unpackable")


async def test_parts_come_before_the_result_with_descriptors(path: Path) -> None:
    async def upgrade(request: Request) -> object:
        ours, theirs = socket.socketpair()
        ours.sendall(b"from the old process")
        ours.close()
        await request.send(["listener", 8000], [theirs])
        theirs.close()
        return "done"

    async with (
        serving(path, {"upgrade": upgrade}),
        converse(path, "upgrade", {"version": 2}) as conversation,
    ):
        with await conversation.receive() as part:
            assert part.body == ["listener", 8000]
            with contextlib.closing(part.take_socket()) as taken:
                assert taken.recv(99) == b"from the old process"
        assert await conversation.result() == "done"


async def test_a_refusal_ends_a_conversation(path: Path) -> None:
    async with serving(path, HANDLERS), converse(path, "refuse", {"node": "n9"}) as conversation:
        with pytest.raises(ControlError, match="no node is called n9"):
            await conversation.receive()


async def test_nobody_there(path: Path) -> None:
    with pytest.raises(ControlError, match=r"control: no server answers there$"):
        await ask(path, "double", {"n": 1})


async def test_the_socket_of_a_killed_server_is_replaced(path: Path) -> None:
    killed = ControlSocket.bind(path)
    killed.hand_over().close()
    assert exists(path)
    async with serving(path, HANDLERS):
        assert await ask(path, "double", {"n": 2}) == {"twice": 4}


def test_the_socket_of_a_living_server_is_left_alone(path: Path) -> None:
    with contextlib.closing(ControlSocket.bind(path)):
        with pytest.raises(ControlError, match=r"another server answers there$"):
            ControlSocket.bind(path)
        assert exists(path)


def test_a_folder_that_others_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(ControlError, match="other users can write there"):
        ControlSocket.bind(tmp_path / "control")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlError, match=r"control socket: .*: (Not a directory|File exists)$"):
        ControlSocket.bind(tmp_path / "file" / "control")


async def test_a_path_may_be_longer_than_the_kernel_takes(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120) / "control"
    async with serving(long, HANDLERS):
        assert await ask(long, "double", {"n": 3}) == {"twice": 6}
    assert not exists(long)


async def test_another_process_takes_the_socket_over(path: Path) -> None:
    first = ControlSocket.bind(path)
    second = ControlSocket.inherit(path, first.hand_over().dup())
    first.close()
    async with trio.open_nursery() as nursery:
        await nursery.start(second.serve, HANDLERS)
        assert await ask(path, "double", {"n": 4}) == {"twice": 8}
        nursery.cancel_scope.cancel()
    second.close()
    assert not exists(path)


async def test_requests_that_came_before_another_process_accepts_are_answered(path: Path) -> None:
    begun, go_on = trio.Event(), trio.Event()

    async def wait(_request: Request) -> object:
        begun.set()
        await go_on.wait()
        return "answered"

    async def ask_first(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        assert await ask(path, "wait") == "answered"

    first = ControlSocket.bind(path)
    second = ControlSocket.inherit(path, first.hand_over().dup())
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as answering:
            answering.start_soon(first.serve, {"wait": wait})
            await answering.start(ask_first)
            await begun.wait()
            first.stop_accepting()
            await nursery.start(second.serve, HANDLERS)
            for _ in range(20):  # none of them by the first one, which knows no such request
                assert await ask(path, "double", {"n": 4}) == {"twice": 8}
            go_on.set()
        first.close()
        nursery.cancel_scope.cancel()
    second.close()


def test_a_socket_that_was_not_taken_is_removed(path: Path) -> None:
    control = ControlSocket.bind(path)
    control.hand_over()
    control.keep()
    control.close()
    control.close()
    assert not exists(path)


async def test_another_user_is_not_answered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(path, HANDLERS):
        channel = raw_connection(path)
        monkeypatch.setattr(descriptors.Peer, "trusted", False)
        await channel.send(["double", {"n": 1}])
        with pytest.raises(descriptors.ChannelClosed):
            await channel.receive()
        with pytest.raises(ControlError, match="another user's program answers there"):
            await ask(path, "double", {"n": 1})


async def test_connections_that_say_nothing_are_cut(path: Path, autojump_clock: Any) -> None:
    async with serving(path, HANDLERS):
        silent = [raw_connection(path) for _ in range(MAX_CONNECTIONS)]
        start_s = trio.current_time()
        assert await ask(path, "double", {"n": 5}) == {"twice": 10}
        assert trio.current_time() - start_s == pytest.approx(REQUEST_DEADLINE_S)
        for each in silent:
            each.close()


async def test_a_client_that_leaves_ends_nothing(path: Path) -> None:
    async with serving(path, HANDLERS):
        for _ in range(3):
            channel = raw_connection(path)
            await channel.send(["double", {"n": 1}])
            channel.close()
        assert await ask(path, "double", {"n": 6}) == {"twice": 12}


def test_where_the_socket_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert control_path(tmp_path, 8000) == tmp_path / "control"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert control_path(None, 8000) == Path("/run/user/7/gameserver/8000.control")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert control_path(None, 8001).name == "8001.control"
