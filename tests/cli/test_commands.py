"""The command line: rooms by name, readable errors, and commands in their own processes."""

from __future__ import annotations

import importlib
import os
import pathlib
import signal
import socket
import subprocess
import sys

import attrs
import pytest
import trio

from gameserver import cli
from gameserver.cli import serving
from gameserver.cli.demo import DEMO_KINDS
from gameserver.cli.errors import UsageError
from gameserver.cli.flags import Flags
from gameserver.cli.room_names import load_rooms
from gameserver.config import Settings
from gameserver.protocol.messages import Delta, Welcome
from gameserver.runtime.server import Server
from gameserver.tokens import Tokens
from tests.support.small_game import open_url

GAME = """
from gameserver import Room

class Duel(Room):
    pass

class Tag(Room):
    pass

number = 5
"""


@pytest.fixture
def here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty working directory; modules imported from it are removed afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield tmp_path  # type: ignore[misc]
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_rooms_are_found_from_the_working_directory(here: pathlib.Path) -> None:
    (here / "mygame.py").write_text(GAME)
    kinds = load_rooms(["mygame:Tag", "mygame:Duel"])
    assert list(kinds) == ["tag", "duel"]
    assert kinds["duel"].__name__ == "Duel"


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("mygame", "'mygame' is not of the form module:Class"),
        ("my game:Duel", "is not of the form"),
        ("mygame.py:Duel", "names a file; name the module: mygame:Duel"),
        ("nogame:Duel", "there is no module nogame in "),
        ("mygame:Dual", "mygame has no room Dual; it has Duel, Tag"),
        ("mygame:number", "mygame:number is not a subclass of gameserver.Room"),
        ("mygame:Room", "mygame:Room is not a subclass of gameserver.Room"),
    ],
)
def test_a_missing_module_or_room_is_named(here: pathlib.Path, target: str, complaint: str) -> None:
    (here / "mygame.py").write_text(GAME)
    with pytest.raises(UsageError, match=complaint):
        load_rooms([target])


def test_two_rooms_of_the_same_name_are_refused(here: pathlib.Path) -> None:
    (here / "mygame.py").write_text(GAME)
    with pytest.raises(UsageError, match="two rooms are both called duel"):
        load_rooms(["mygame:Duel", "mygame:Duel"])


def test_an_import_error_of_a_game_is_named_with_its_line(here: pathlib.Path) -> None:
    (here / "mygame.py").write_text("import not_installed_anywhere")
    says = r"^mygame imports not_installed_anywhere, which is not there: .* \(mygame.py:1\)$"
    with pytest.raises(UsageError, match=says):
        load_rooms(["mygame:Duel"])


def test_every_setting_but_secrets_is_a_flag() -> None:
    assert {f.name for f in attrs.fields(Flags)} == {
        f.name
        for f in attrs.fields(Settings)
        if f.name not in ("secret", "metrics_token", "admin_token", "backend_token")
    }
    assert all(f.default is None for f in attrs.fields(Flags))


def test_the_list_of_commands_has_the_docstring_of_each() -> None:
    for name, help_text in cli.COMMANDS.items():
        command = getattr(importlib.import_module(f"gameserver.cli.{name}"), name)
        assert (command.__doc__ or "").partition("\n")[0] == help_text


def test_a_flag_takes_what_its_setting_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = Flags(port=0, proxies="10.0.0.0/8, 192.168.0.0/16", bots_need_token=True)
    settings = flags.settings(None)
    assert (settings.port, settings.bots_need_token) == (0, True)
    assert [str(network) for network in settings.proxies] == ["10.0.0.0/8", "192.168.0.0/16"]


def test_defaults_of_a_command_yield_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Flags().settings(None, log_level="warning").log_level == "warning"
    monkeypatch.setenv("GAMESERVER_LOG_LEVEL", "debug")
    assert Flags().settings(None, log_level="warning").log_level == "debug"
    assert Flags(log_level="error").settings(None, log_level="warning").log_level == "error"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve"], "name a room to serve"),
        (["serve", "nogame:Duel"], "there is no module nogame"),
        (["demo", "--bots", "0", "--port", "70000"], "--port: port must be from 0 to 65535"),
        (["demo", "--bots", "-1"], "--bots: at least 0"),
        (["demo", "--config", "nowhere.toml"], "cannot read nowhere.toml"),
        (["demo", "--data", ""], "--data: '' is not a path"),
    ],
)
def test_expected_errors_are_one_line_and_exit_code_1(
    here: pathlib.Path,
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 1
    printed = capsys.readouterr().err
    assert printed.startswith("gameserver: ")
    assert complaint in printed
    assert len(printed.splitlines()) == 1


def test_a_page_may_not_be_the_folder_of_the_settings(
    here: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "index.html").write_text("<p>mine")
    (here / "game.toml").write_text("port = 0")
    with pytest.raises(SystemExit) as exit_:
        cli.main(["demo", "--page", ".", "--config", "game.toml"])
    assert exit_.value.code == 1
    assert capsys.readouterr().err == (
        "gameserver: page: game.toml is in ., which everyone can read; keep it elsewhere\n"
    )


SECRET = "a-secret-of-the-tests-long-enough"


def test_a_token_for_development(
    here: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAMESERVER_SECRET", SECRET)
    (here / "secrets").write_text("s" * 32)
    (here / "server.toml").write_text("secret_file = 'secrets'")
    for arguments, secret in (
        (["token", "ann"], SECRET),
        (["token", "bob", "--secret-file", "secrets"], "s" * 32),
        (["token", "cal", "--config", "server.toml"], "s" * 32),
    ):
        if secret != SECRET:
            monkeypatch.delenv("GAMESERVER_SECRET", raising=False)
        with pytest.raises(SystemExit) as exit_:
            cli.main(arguments)
        assert not exit_.value.code
        printed = capsys.readouterr()
        assert Tokens([secret]).verify(printed.out.strip()).identity == arguments[1]
        assert secret not in printed.out + printed.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["token", "ann"], "there is no secret to sign with"),
        (["token", ""], "there is no secret to sign with"),
        (["token", "ann", "--secret-file", "none"], "cannot read the secrets in none"),
        (["token", "", "--secret-file", "secrets"], "an identity is 1 to 256 bytes"),
    ],
)
def test_a_token_for_an_invalid_identity_is_refused(
    here: pathlib.Path,
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (here / "secrets").write_text("s" * 32)
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 1
    printed = capsys.readouterr()
    assert complaint in printed.err
    assert not printed.out


async def _start(*arguments: str, cwd: pathlib.Path) -> trio.Process:
    return await trio.lowlevel.open_process(
        [sys.executable, "-m", "gameserver", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
    )


async def _address(process: trio.Process) -> str:
    """Read the address that the process says to open."""
    assert process.stdout is not None
    printed = b""
    while b"/\n" not in printed:
        chunk = await process.stdout.receive_some()
        assert chunk, "it ended without an address"
        printed += chunk
    return printed.split(b"open http://")[1].split(b"/")[0].decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_serve_an_authors_room_until_a_signal(
    here: pathlib.Path, number: signal.Signals
) -> None:
    (here / "mygame.py").write_text(GAME)
    with trio.fail_after(60):
        process = await _start("serve", "mygame:Duel", "--port", "0", cwd=here)
        async with open_url(f"ws://{await _address(process)}/") as client:
            await client.hello(room="duel")
            assert (await client.next_of(Welcome)).room == "duel/1"
            os.kill(process.pid, number)
            assert (await client.closed())[0] == 1001
        assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in b"".join([chunk async for chunk in process.stderr])


async def test_the_demo_with_bots(here: pathlib.Path) -> None:
    with trio.fail_after(60):
        process = await _start("demo", "--bots", "2", "--port", "0", cwd=here)
        async with open_url(f"ws://{await _address(process)}/") as client:
            await client.hello(room="arena")
            own = (await client.next_of(Welcome)).own_entity
            # An entity of another player moves, so a bot flies.
            while not any(i != own for i in (await client.next_of(Delta)).adds[:1]):
                pass
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in b"".join([chunk async for chunk in process.stderr])


async def test_a_port_in_use_ends_the_demo_with_one_line(here: pathlib.Path) -> None:
    with socket.socket() as taken, trio.fail_after(60):
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await _start("demo", "--port", str(port), cwd=here)
        assert await process.wait() == 1
        assert process.stderr is not None
        printed = b"".join([chunk async for chunk in process.stderr]).decode()
        assert "the port is in use; choose another with --port" in " ".join(printed.split())
        assert "Traceback" not in printed


async def test_the_echo_until_a_signal(here: pathlib.Path) -> None:
    with trio.fail_after(60):
        process = await _start("echo", "--port", "0", cwd=here)
        async with open_url(f"ws://{await _address(process)}/any/path") as client:
            await client.ws.send_message(b"small")
            assert await client.ws.get_message() == b"small"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in b"".join([chunk async for chunk in process.stderr])


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1", ["open http://127.0.0.1:5/"]),
        ("::1", ["open http://[::1]:5/"]),
        ("0.0.0.0", ["open http://localhost:5/", "IPv4, and none of IPv6"]),
        ("::", ["open http://[::1]:5/", "IPv6, and none of IPv4"]),
    ],
)
def test_the_printed_lines_for_an_address(host: str, said: list[str]) -> None:
    server = Server(DEMO_KINDS, Settings(host=host))
    server.port = 5
    lines = serving.addresses(server)
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))
