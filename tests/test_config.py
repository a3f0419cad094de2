"""Where settings come from, which source wins, and what is said about wrong ones."""

from __future__ import annotations

import pathlib

import pytest

from gameserver.config import ConfigError, Settings, load_settings


def write(tmp_path: pathlib.Path, text: str) -> pathlib.Path:
    file = tmp_path / "server.toml"
    file.write_text(text)
    return file


def test_defaults_are_for_this_machine_only() -> None:
    settings = load_settings(environment={})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_file_environment_and_flags_each_override_the_one_before(tmp_path: pathlib.Path) -> None:
    file = write(tmp_path, "port = 1\nhost = 'file'\nmax_rooms = 11\ngrace_s = 1")
    environment = {"GAMESERVER_PORT": "2", "GAMESERVER_HOST": "env", "HOME": "/nowhere"}
    settings = load_settings(
        defaults={"port": 0, "max_rooms": 10, "seed": 5},
        file=file,
        environment=environment,
        flags={"port": 3, "host": None},
    )
    assert settings == Settings(port=3, host="env", max_rooms=11, grace_s=1.0, seed=5)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMESERVER_MAX_ROOMS", "7")
    assert load_settings().max_rooms == 7


def test_types_of_each_source(tmp_path: pathlib.Path) -> None:
    file = write(tmp_path, "certificate = 'c.pem'\nkey = 'k.pem'\nlog_level = 'debug'")
    environment = {"GAMESERVER_GRACE_S": "2.5", "GAMESERVER_SEED": "9"}
    settings = load_settings(
        file=file, environment=environment, flags={"key": pathlib.Path("other.pem")}
    )
    assert settings.certificate == pathlib.Path("c.pem")
    assert settings.key == pathlib.Path("other.pem")
    assert (settings.grace_s, settings.seed, settings.log_level) == (2.5, 9, "debug")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("port = 'x'", "port in .*: 'x' is not a whole number"),
        ("port = true", "port in .*: True is not a whole number"),
        ("port = 1.5", "port in .*: 1.5 is not a whole number"),
        ("port = 70000", "port in .*: port must be from 0 to 65535"),
        ("host = 1", "host in .*: 1 is not a text"),
        ("grace_s = -1", "grace_s in .*: grace_s must be at least 0"),
        ("grace_s = nan", "grace_s in .*: grace_s must be at least 0"),
        ("ping_interval_s = 0", "ping_interval_s must be more than 0"),
        ("max_rooms = 0", "max_rooms must be at least 1"),
        ("certificate = 5", "certificate in .*: 5 is not a path"),
        ("certificate = 'c.pem'", "certificate and key must be given together"),
        ("log_level = 'loud'", "'loud' is not one of debug, info, warning, error"),
        ("log_level = []", r"\[\] is not one of"),
        ("prot = 1", r"server.toml: there is no setting prot; there are host, port"),
        ("port = ", "server.toml is not TOML"),
    ],
)
def test_a_wrong_file_is_named_with_the_key(
    tmp_path: pathlib.Path, text: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_settings(file=write(tmp_path, text), environment={})


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("GAMESERVER_PORT", "x", "GAMESERVER_PORT in the environment: 'x' is not a whole number"),
        ("GAMESERVER_PORT", "", "GAMESERVER_PORT in the environment: '' is not a whole number"),
        ("GAMESERVER_GRACE_S", "soon", "GAMESERVER_GRACE_S .*: 'soon' is not a number"),
        ("GAMESERVER_PROT", "1", "GAMESERVER_PROT .*: there is no setting prot"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_settings(environment={variable: text})


def test_a_wrong_flag_is_named_as_it_was_typed() -> None:
    with pytest.raises(ConfigError, match="--tls-port: tls_port must be from 0 to 65535"):
        load_settings(environment={}, flags={"tls_port": -1})


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml: No such file"):
        load_settings(file=tmp_path / "nowhere.toml", environment={})
