"""Host names that the server answers to, and for which clients."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.config import ConfigError, HostName, Settings, load_settings
from gameserver.runtime.http.hosts import Hosts, host_of


def request(host: str | bytes | None, target: str = "/") -> h11.Request:
    headers = [] if host is None else [("Host", host)]
    version = "1.0" if host is None else "1.1"
    return h11.Request(method="GET", target=target, headers=headers, http_version=version)


def answered(hosts: Hosts, host: str | bytes | None, target: str = "/") -> tuple[bool, bool]:
    """Whether this machine and another one are answered."""
    asking = request(host, target)
    return (
        hosts.answers(asking, from_this_machine=True),
        hosts.answers(asking, from_this_machine=False),
    )


SAFE = [
    "localhost",
    "localhost:8000",
    "LocalHost:8000",
    "localhost.",
    "localhost.:8000",
    "game.localhost:8000",
    "127.0.0.1",
    "127.0.0.1:8000",
    "192.168.1.5:8000",
    "[::1]",
    "[::1]:8000",
    "[2001:DB8::7]:8000",
    "[::ffff:127.0.0.1]:80",
    "",  # of no browser
    None,  # HTTP/1.0: a health check
]
STRANGE = [
    "evil.example",
    "evil.example:8000",
    "evil.example.",
    "localhost.evil.example",
    "notlocalhost",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "evil.example@127.0.0.1",
    "[::1].evil.example",
    "[evil.example]",
    "[::1",
    "localhost:80:80",
    "localhost, evil.example",
    b"\xe9vil.example",
    b"localhost\xff",
    ".",
    "..",
]


@pytest.mark.parametrize("host", SAFE)
def test_addresses_and_localhost_are_always_answered(host: str | None) -> None:
    for listed in ((), (HostName("play.example"),)):
        hosts = Hosts(Settings(hosts=listed))
        assert answered(hosts, host) == (True, True)
        assert hosts.knows(request(host))


@pytest.mark.parametrize("host", STRANGE)
def test_other_names_are_answered_on_this_machine_only_if_listed(host: str | bytes) -> None:
    assert answered(Hosts(Settings()), host) == (False, True)
    assert answered(Hosts(Settings(hosts=(HostName("play.example"),))), host) == (False, False)
    any_ = Hosts(Settings(hosts=(HostName("*"),)))
    assert answered(any_, host) == (True, True)
    assert not any_.knows(request(host))


@pytest.mark.parametrize("host", ["play.example", "Play.Example:443", "play.example.", "b.example"])
def test_listed_names_are_answered(host: str) -> None:
    hosts = Hosts(Settings(hosts=(HostName("play.example"), HostName("b.example"))))
    assert answered(hosts, host) == (True, True)
    assert hosts.knows(request(host))


def test_a_name_to_listen_on_is_a_name_of_the_server() -> None:
    hosts = Hosts(Settings(host="MyBox"))
    assert hosts.knows(request("mybox:8000"))
    assert answered(hosts, "other") == (False, True)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://evil.example/metrics", "evil.example"),
        ("http://Evil.example:80", "evil.example"),
        ("http:/metrics", "localhost"),  # names no host
        ("http:///metrics", "localhost"),
        ("*", "localhost"),
        ("http://[/", "http://[/"),
        ("/?http://evil.example", "localhost"),
    ],
)
def test_a_whole_url_goes_before_the_header(target: str, host: str) -> None:
    assert host_of(request("localhost:8000", target)) == host


@given(st.binary(max_size=40))
def test_any_bytes_are_some_host(host: bytes) -> None:
    try:
        asking = request(host)
    except h11.LocalProtocolError:
        return
    answered(Hosts(Settings()), host)
    host_of(asking)


def test_the_setting_takes_names_and_nothing_else() -> None:
    settings = load_settings(environment={"GAMESERVER_HOSTS": "Play.Example, b.example., *"})
    assert settings.hosts == ("play.example", "b.example", "*")
    for wrong in ("https://play.example", "play.example:80", "*.example", "a b", "é.example"):
        with pytest.raises(ConfigError, match=r"--hosts: .* is not a list of host names, such as"):
            load_settings(environment={}, flags={"hosts": wrong})
