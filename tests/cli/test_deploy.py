"""``gameserver deploy``: what it writes where, and what it refuses."""

from __future__ import annotations

import pathlib
import tomllib
import typing

import pytest

from gameserver import cli
from gameserver.cli.deploy import Recipe
from gameserver.deploying.recipes import RECIPES


@pytest.fixture
def here(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["deploy", *arguments])
    assert not exit_.value.code


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["deploy", *arguments])
    assert exit_.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_every_recipe_is_a_choice() -> None:
    assert set(typing.get_args(Recipe)) == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_files_and_next_steps(
    here: pathlib.Path, recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(recipe, "mygame:Duel", "--hosts", "play.example.org")
    out = capsys.readouterr().out
    written = [line.removeprefix("wrote ") for line in out.splitlines() if line[:6] == "wrote "]
    files = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()}
    assert set(written) == files
    assert all(file.startswith(f"deploy/{recipe}/") for file in files)
    assert "\nThen:\n- " in out


def test_nothing_that_is_there_is_overwritten(
    here: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "out").mkdir()
    (here / "out" / "mygame.socket").write_text("mine")
    line = refused(capsys, "systemd", "mygame:Duel", "--to", "out")
    assert "out/mygame.socket: there already; move it away, or name another folder: --to" in line
    assert [path.name for path in (here / "out").iterdir()] == ["mygame.socket"]
    assert (here / "out" / "mygame.socket").read_text() == "mine"


def test_settings_come_from_file_and_flags_but_no_secret(
    here: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "0123456789abcdef" * 2
    (here / "game.toml").write_text(f'port = 9000\nmax_rooms = 7\nsecret = "{secret}"\n')
    run("systemd", "mygame:Duel", "--config", "game.toml", "--max-rooms", "8", "--nodes", "auto")
    settings = (here / "deploy" / "systemd" / "settings.toml").read_text()
    assert tomllib.loads(settings) == {
        "data": "/var/lib/mygame",
        "port": 9000,
        "max_rooms": 8,
        "nodes": "auto",
    }
    out = capsys.readouterr().out
    assert "give the server its secret, which no file here repeats" in out
    assert secret not in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["systemd"], "name a room, as in: gameserver deploy systemd mygame:MyRoom"),
        (["caddy"], "give the host name of the game: --hosts play.example.org"),
        (["systemd", "mygame:Duel", "--port", "70000"], "port must be from 0 to 65535"),
        (["systemd", "mygame:Duel", "--name", "My Game"], "'My Game' cannot be the name"),
        (["systemd", "mygame:Duel", "--to", "file/x"], "cannot write file/x: Not a directory"),
        (["systemd", "mygame:Duel", "--config", "no.toml"], "cannot read no.toml"),
    ],
)
def test_mistakes_are_one_line(
    here: pathlib.Path, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_text("")
    assert why in refused(capsys, *arguments)


def test_proxies_need_no_room(here: pathlib.Path) -> None:
    run("haproxy", "--hosts", "play.example.org", "--server", "a:1", "--server", "b:2")
    text = (here / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    assert "server node-1 a:1 check" in text
    assert "server node-2 b:2 check" in text
