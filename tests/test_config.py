"""Where settings come from, which source wins, and what is said about wrong ones."""

from __future__ import annotations

import pathlib

import pytest

from gameserver.config import (
    ConfigError,
    Settings,
    load_settings,
    service_variables,
    usable_cores,
)


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
        ('data = ""', "data in .*: '' is not a path"),
        ("certificate = 'c.pem'", "certificate and key must be given together"),
        ("log_level = 'loud'", "'loud' is not one of debug, info, warning, error"),
        ("log_level = []", r"\[\] is not one of"),
        ("trusted = '10.0.0.1/8'", "trusted in .*: '10.0.0.1/8' is not a list of networks"),
        ("proxies = [1]", r"proxies in .*: \[1\] is not a list of networks"),
        ("origins = ['https://example.org/']", "origins in .* is not a list of origins"),
        ("origins = ['*']", "origins in .* is not a list of origins"),
        ("bots_need_token = 1", "bots_need_token in .*: 1 is not true or false"),
        ("joins_per_s = 0", "joins_per_s must be more than 0"),
        ("secret_file = 's'\nsecret = 'sixteen letters, and sixteen more'", "must be at least 32"),
        (f"secret_file = 's'\nsecret = '{'x' * 32}'", "give either secret or secret_file"),
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


def test_lists_in_each_source(tmp_path: pathlib.Path) -> None:
    file = write(
        tmp_path, "trusted = ['10.0.0.0/8', '::1']\norigins = ['HTTPS://Play.Example:443']"
    )
    settings = load_settings(
        file=file,
        environment={"GAMESERVER_PROXIES": "192.0.2.0/24, 2001:db8::/32"},
        flags={"metrics_from": ""},
    )
    assert list(map(str, settings.trusted)) == ["10.0.0.0/8", "::1/128"]
    assert list(map(str, settings.proxies)) == ["192.0.2.0/24", "2001:db8::/32"]
    assert settings.origins == ("https://play.example",)
    assert settings.metrics_from == ()


def test_yes_and_no_in_the_environment() -> None:
    assert load_settings(environment={"GAMESERVER_BOTS_NEED_TOKEN": "True"}).bots_need_token
    with pytest.raises(ConfigError, match="'yes' is not true or false"):
        load_settings(environment={"GAMESERVER_BOTS_NEED_TOKEN": "yes"})


@pytest.mark.parametrize("name", ["secret", "metrics_token", "admin_token"])
@pytest.mark.parametrize("value", ["hunter2", 987654321, "hunter2 " * 5])
def test_no_message_repeats_a_secret(tmp_path: pathlib.Path, name: str, value: object) -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(file=write(tmp_path, f"{name} = {value!r}"), environment={})
    assert name in str(error.value)
    assert str(value) not in str(error.value)
    good = load_settings(environment={f"GAMESERVER_{name.upper()}": "hunter2" * 5})
    assert "hunter2" not in repr(good)


#: What Kubernetes sets in every container of a namespace that has these services: "gameserver",
#: with two ports, one of them named, "gameserver-tls" (which makes a setting's name), and one
#: with an address of IPv6.
OF_A_CLUSTER = {
    "GAMESERVER_SERVICE_HOST": "10.96.0.12",
    "GAMESERVER_SERVICE_PORT": "8000",
    "GAMESERVER_SERVICE_PORT_WEB_SOCKET": "8000",
    "GAMESERVER_PORT": "tcp://10.96.0.12:8000",
    "GAMESERVER_PORT_8000_TCP": "tcp://10.96.0.12:8000",
    "GAMESERVER_PORT_8000_TCP_PROTO": "tcp",
    "GAMESERVER_PORT_8000_TCP_PORT": "8000",
    "GAMESERVER_PORT_8000_TCP_ADDR": "10.96.0.12",
    "GAMESERVER_PORT_8001_UDP_PROTO": "udp",
    "GAMESERVER_TLS_PORT": "tcp://[fd00::12]:8443",
    "GAMESERVER_TLS_SERVICE_HOST": "fd00::12",
    "GAMESERVER_TLS_PORT_8443_TCP_ADDR": "fd00::12",
}


def test_what_a_cluster_sets_for_a_service_called_gameserver_is_no_setting() -> None:
    environment = OF_A_CLUSTER | {"GAMESERVER_MAX_ROOMS": "7", "SERVICE_HOST": "x"}
    assert load_settings(environment=environment) == Settings(max_rooms=7)
    assert service_variables(environment) == sorted(OF_A_CLUSTER)
    assert service_variables({"GAMESERVER_PORT": "9000", "GAMESERVER_MAX_ROOMS": "7"}) == []


def test_variables_of_other_parts_of_the_server_are_no_settings() -> None:
    assert load_settings(environment={"GAMESERVER_PURE": "1"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("GAMESERVER_PORTS", "tcp://10.96.0.12:8000"),
        ("GAMESERVER_PROT", "tcp://10.96.0.12:8000"),
        ("GAMESERVER_PORT", "tcp://10.96.0.12"),
        ("GAMESERVER_PORT", "http://10.96.0.12:8000"),
        ("GAMESERVER_SERVICE", "10.96.0.12"),
        ("GAMESERVER_SERVICE_HOSTS", "10.96.0.12"),
        ("GAMESERVER_PORT_TCP", "8000"),
        ("GAMESERVER_PURELY", "1"),
    ],
)
def test_what_only_resembles_a_clusters_variable_is_still_told(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable} in the environment: "):
        load_settings(environment={variable: text})


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ("0", "--nodes: nodes must be from 1 to 256, or auto"),
        ("-3", "--nodes: nodes must be from 1 to 256, or auto"),
        ("257", "--nodes: nodes must be from 1 to 256, or auto"),
        ("lots", "--nodes: 'lots' is not a number of processes, or auto"),
        ("", "--nodes: '' is not a number of processes, or auto"),
    ],
)
def test_a_wrong_number_of_nodes(nodes: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings(flags={"nodes": nodes}, environment={})
    assert str(refused.value) == said


def test_nodes_are_a_number_or_one_for_each_core(tmp_path: pathlib.Path) -> None:
    assert load_settings(environment={}).nodes == 1
    assert load_settings(environment={"GAMESERVER_NODES": "3"}).nodes == 3
    (tmp_path / "s.toml").write_text("nodes = 4")
    assert load_settings(file=tmp_path / "s.toml", environment={}).nodes == 4
    assert load_settings(flags={"nodes": "auto"}, environment={}).nodes == usable_cores()
