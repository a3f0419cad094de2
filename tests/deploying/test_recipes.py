"""The files of each recipe, and what the programs that read them say of them."""

from __future__ import annotations

import pathlib
import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from gameserver.config import load_settings
from gameserver.deploying.game import DeployError, Game, name_of
from gameserver.deploying.image import EXTRAS, requirements
from gameserver.deploying.recipes import RECIPES
from tests.support.deployed_game import HOST, NAME, game
from tests.support.proxies import deployed, needed, replaced

FOLDER = pathlib.Path("deploy")


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_place_is_left_open(recipe: str) -> None:
    for path, text in RECIPES[recipe](game()).files.items():
        assert not re.search(r"@[a-z_]+@", text), path
        assert text.endswith("\n"), path


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_files_are_of_their_form(recipe: str) -> None:
    for path, text in RECIPES[recipe](game(nodes="3")).files.items():
        if path.endswith((".yaml", ".yml")):
            assert list(yaml.safe_load_all(text)), path
        elif path.endswith(".toml"):
            given = tomllib.loads(text)
            assert load_settings(environment={}, flags=given), path


@pytest.mark.parametrize("recipe", ["caddy", "haproxy", "nginx", "compose"])
def test_the_public_host_must_be_given(recipe: str) -> None:
    nameless = Game(name=NAME, rooms=(), given={}, servers=("a:1",), folder=FOLDER)
    with pytest.raises(DeployError, match=r"--hosts play\.example\.org"):
        RECIPES[recipe](nameless)


@pytest.mark.parametrize(
    ("rooms", "name", "expected"),
    [
        (["mygame:Duel"], None, "mygame"),
        (["my_game.rooms:Duel"], None, "my-game"),
        (["mygame:Duel"], "duels", "duels"),
        ([], "x", "x"),
    ],
)
def test_the_name_is_that_of_the_package(rooms: list[str], name: str | None, expected: str) -> None:
    assert name_of(rooms, name) == expected


@pytest.mark.parametrize("name", ["My Game", "a_b", "-a", "a-", "a" * 41, "../x"])
def test_a_name_that_no_service_can_have_is_refused(name: str) -> None:
    with pytest.raises(DeployError, match="--name mygame"):
        name_of(["mygame:Duel"], name)


def test_the_settings_file_has_what_was_given_over_the_recipe() -> None:
    text = game(port=9000, drain_s=2.5, bots_need_token=True, proxies="10.0.0.0/8").settings_file(
        data="/data", drain_s=60.0
    )
    assert tomllib.loads(text) == {
        "data": "/data",
        "drain_s": 2.5,
        "hosts": HOST,
        "port": 9000,
        "bots_need_token": True,
        "proxies": "10.0.0.0/8",
    }


# ------------------------------------------------------------ systemd


def units(folder: pathlib.Path, **given: Any) -> list[pathlib.Path]:
    """Write the units, for a game that is here and not in /opt."""
    program = folder / ".venv" / "bin" / "gameserver"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    paths = []
    for name, text in RECIPES["systemd"](game(**given)).files.items():
        path = folder / name
        if name.endswith(".service"):
            text = replaced(text, {f"/opt/{NAME}": str(folder)})
        path.write_text(text)
        if not name.endswith(".toml"):
            paths.append(path)
    return paths


@pytest.mark.parametrize(
    "given", [{}, {"certificate": "cert.pem", "key": "key.pem"}, {"nodes": "auto", "host": "::"}]
)
def test_systemd_finds_no_fault(tmp_path: pathlib.Path, given: dict[str, Any]) -> None:
    command = [needed("systemd-analyze"), "verify", "--man=no", *units(tmp_path, **given)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_service_is_shut_off_from_the_system(tmp_path: pathlib.Path) -> None:
    service = next(path for path in units(tmp_path) if path.suffix == ".service")
    command = [needed("systemd-analyze"), "security", "--offline=true", "--threshold=30", service]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_each_port_has_a_socket_with_the_name_of_its_setting() -> None:
    files = RECIPES["systemd"](game(certificate="c", key="k", port=80, tls_port=443)).files
    assert "ListenStream=127.0.0.1:80\n" in files[f"{NAME}.socket"]
    assert "FileDescriptorName=port\n" in files[f"{NAME}.socket"]
    assert "ListenStream=127.0.0.1:443\n" in files[f"{NAME}-tls.socket"]
    assert "FileDescriptorName=tls_port\n" in files[f"{NAME}-tls.socket"]


# ------------------------------------------------------------ compose


def project(**given: Any) -> dict[str, Any]:
    loaded = yaml.safe_load(RECIPES["compose"](game(**given)).files["compose.yaml"])
    assert isinstance(loaded, dict)
    return loaded


def test_each_node_is_reached_under_a_path_of_its_own() -> None:
    services = project(nodes="3")["services"]
    nodes = [name for name in services if name.startswith("node-")]
    assert nodes == ["node-1", "node-2", "node-3"]
    for name in nodes:
        url = services[name]["environment"]["GAMESERVER_PUBLIC_URL"]
        assert url == f"wss://{HOST}/{name}"
        assert services[name]["read_only"] is True
        assert services[name]["user"] == "65532:65532"
    caddyfile = RECIPES["compose"](game(nodes="3")).files["Caddyfile"]
    assert "reverse_proxy node-1:8000 node-2:8000 node-3:8000 {" in caddyfile


def test_every_mounted_file_is_written() -> None:
    files = RECIPES["compose"](game()).files
    for service in project()["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                name = source.removeprefix("./")
                assert any(path == name or path.startswith(f"{name}/") for path in files), name


def test_secrets_are_drawn_anew_and_only_their_owner_reads_them(tmp_path: pathlib.Path) -> None:
    first, second = RECIPES["compose"](game()), RECIPES["compose"](game())
    assert first.files[".env"] != second.files[".env"]
    values = dict(line.split("=") for line in first.files[".env"].splitlines()[1:])
    assert len(set(values.values())) == len(values) == 5
    used = set(re.findall(r"\$\{([A-Z_]+)", first.files["compose.yaml"]))
    assert used == set(values)
    first.write(tmp_path)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert not any(
        value in text
        for name, text in first.files.items()
        for value in values.values()
        if name != ".env"
    )


def test_the_settings_of_the_nodes_are_complete() -> None:
    """With what compose.yaml puts into the environment of each node."""
    files = RECIPES["compose"](game(nodes="2", max_rooms=50)).files
    service = project()["services"]["node-1"]
    environment = {
        name: re.sub(r"\$\{[^}]*\}", "0123456789abcdef" * 4, value)
        for name, value in service["environment"].items()
    }
    settings = load_settings(environment=environment, flags=tomllib.loads(files["settings.toml"]))
    assert settings.directory
    assert settings.storage
    assert settings.public_url == f"wss://{HOST}/node-1"
    assert settings.max_rooms == 50


def test_docker_compose_finds_no_fault(tmp_path: pathlib.Path) -> None:
    """Where there is the plugin; elsewhere nothing is checked here, and the docs say so."""
    known = subprocess.run(["sh", "-c", "docker compose version"], capture_output=True, check=False)
    if known.returncode == 0:
        RECIPES["compose"](game()).write(tmp_path)
        command = ["docker", "compose", "-f", tmp_path / "compose.yaml", "config", "-q"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr


# ------------------------------------------------------------ the image


def test_the_packages_of_the_image_have_their_versions() -> None:
    lines = requirements(EXTRAS).splitlines()
    assert lines[0].startswith("trio-gameserver[cluster,postgres]==")
    names = {line.partition("==")[0] for line in lines[1:]}
    assert {"trio", "msgpack", "psycopg", "psycopg-binary"} <= names
    assert not names & {"pytest", "mypy", "cffi", "tzdata", "matplotlib", "apsw"}
    assert all(re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.+-]+", line) for line in lines)


def test_the_image_runs_as_nobody_and_has_the_game() -> None:
    text = deployed("compose", "127.0.0.1:8000")["Dockerfile"]
    last = text.rpartition("FROM ")[2]
    assert "USER 65532:65532" in last
    assert "COPY mygame /app/game/mygame" in last
    assert 'CMD ["serve", "mygame:Game"]' in last
