"""The settings of a server, and where they come from: a TOML file < environment < flags.

Owns names, defaults, types and limits of all settings, and error messages that say which
one is wrong and where it was set.  Never knows what a setting is for.
"""

from __future__ import annotations

import ipaddress
import os
import pathlib
import re
import tomllib
import typing
from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from typing import Any, Final, Literal

import attrs
import cattrs

from gameserver.errors import GameServerError
from gameserver.ops.logging import LogFormat, LogLevel

#: ``GAMESERVER_PORT`` in the environment is ``port`` in the file and ``--port`` as a flag.
ENVIRONMENT_PREFIX: Final = "GAMESERVER_"
#: Variables with this prefix that are not settings, but read elsewhere.
RESERVED_VARIABLES: Final = frozenset({"GAMESERVER_PURE"})

#: Kubernetes describes each service of a namespace to every container in it by such variables, so
#: a service called "gameserver", or "gameserver-tls", sets variables with our prefix.  Only the
#: value tells GAMESERVER_PORT as Kubernetes sets it from the setting.
_SERVICE_VARIABLE: Final = re.compile(
    r"GAMESERVER(_[A-Z0-9_]+)?_"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_PORT_VARIABLE: Final = re.compile(r"GAMESERVER(_[A-Z0-9_]+)?_PORT")
_SERVICE_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://[^/]+:\d+")


#: Who reads what players send: one reader per room, or one task per player.
Reading = Literal["pump", "tasks"]

#: What full garbage collections look at: what has not settled yet, or everything.
Collecting = Literal["young", "all"]

_CHOICES: Final = (LogLevel, LogFormat, Reading, Collecting)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: This machine, as it calls itself.
LOOPBACK: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv6Network("::1/128"),
)
#: Among ``origins``: the host that the request itself names.
OWN_HOST: Final = "self"
MIN_SECRET_LENGTH: Final = 32

#: RFC 6454, 6.2, as browsers send it, except for letter case and a default port.
_ORIGIN: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://[a-z0-9._\[\]:-]+")
#: The default port of each scheme, as it may end the authority of an origin or a ``Host``.
DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class ConfigError(GameServerError):
    """A setting is unknown or wrong; the text names it and where it came from."""


def _at_least(low: float) -> Any:
    """Return an attrs validator with a message for whoever runs the server."""

    def check(_instance: object, attribute: Any, value: float | None) -> None:
        if value is not None and not value >= low:  # also refuses NaN
            raise ValueError(f"{attribute.name} must be at least {low:g}")

    return check


def _port(_instance: object, attribute: Any, value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError(f"{attribute.name} must be from 0 to 65535 (0: any free port)")


def _longer_than_zero(_instance: object, attribute: Any, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{attribute.name} must be more than 0")


def _secret(_instance: object, attribute: Any, value: str | None) -> None:
    if value is not None and not secrets_in(value):
        raise ValueError(f"{attribute.name} is empty")
    if any(len(one) < MIN_SECRET_LENGTH for one in secrets_in(value or "")):
        raise ValueError(f"{attribute.name} must be at least {MIN_SECRET_LENGTH} characters")


def secrets_in(text: str) -> tuple[str, ...]:
    """Return the secrets in ``text``, which white space separates; the first one signs."""
    return tuple(text.split())


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return the secrets that sign tokens, the signing one first; none if there is none.

    ``ConfigError`` if the file of secrets cannot be used.
    """
    file = settings.secret_file
    if file is None:
        return secrets_in(settings.secret or "")
    try:
        secrets = secrets_in(file.read_text())
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"cannot read the secrets in {file}") from None
    if not secrets or any(len(one) < MIN_SECRET_LENGTH for one in secrets):
        raise ConfigError(f"{file} must hold secrets of at least {MIN_SECRET_LENGTH} characters")
    return secrets


@attrs.frozen(kw_only=True)
class Settings:
    """All settings of a server; ``_s`` are seconds."""

    #: An address or name of this machine; 0.0.0.0 for all of IPv4, :: for all of IPv6 and no IPv4.
    host: str = "127.0.0.1"
    #: For http and ws; 0 for any free port.
    port: int = attrs.field(default=8000, validator=_port)
    #: For https and wss, if there are a certificate and its key (files in PEM).
    tls_port: int = attrs.field(default=8443, validator=_port)
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None
    #: A folder whose files are served at / instead of the arena's page; read once, at the start.
    page: pathlib.Path | None = None
    #: How long a shutdown may take.
    grace_s: float = attrs.field(default=5.0, validator=_at_least(0))
    #: From the moment a connection is taken, through TLS and the upgrade, to its hello.
    hello_deadline_s: float = attrs.field(default=5.0, validator=_longer_than_zero)
    #: Between two ping frames; who gives no commands gets fewer (``heartbeat.py``).
    ping_interval_s: float = attrs.field(default=2.0, validator=_longer_than_zero)
    #: An empty room closes after this.
    empty_room_s: float = attrs.field(default=30.0, validator=_at_least(0))
    max_rooms: int = attrs.field(default=100, validator=_at_least(1))
    #: Open ones whose first player came from one address (in IPv6: from one /64).
    max_rooms_per_address: int = attrs.field(default=10, validator=_at_least(1))
    #: How many rooms may be made a second; as many as ten seconds' worth at once.
    rooms_per_s: float = attrs.field(default=5.0, validator=_longer_than_zero)
    #: In all; also bounded by how many files the system lets the process open.
    max_connections: int = attrs.field(default=10_000, validator=_at_least(1))
    max_connections_per_address: int = attrs.field(default=200, validator=_at_least(1))
    #: Connections that have not joined a room (yet): requests for the page too.
    max_joining: int = attrs.field(default=2000, validator=_at_least(1))
    #: New connections a second from one address, of which a further request on one counts as a
    #: quarter; ``max_connections_per_address`` at once.
    connects_per_s: float = attrs.field(default=20.0, validator=_longer_than_zero)
    #: How many players are let in a second, one after the other; a second's worth may wait for
    #: that.  Those who come back to their seats go before all others, half as many more at once.
    joins_per_s: float = attrs.field(default=100.0, validator=_longer_than_zero)
    #: Addresses that are not limited one by one.
    trusted: tuple[Network, ...] = LOOPBACK
    #: Addresses whose ``X-Forwarded-For`` is believed.
    proxies: tuple[Network, ...] = ()
    #: Whose pages may connect; "self" is the server's own host, as the request names it.
    origins: tuple[str, ...] = (OWN_HOST,)
    #: Whether programs (whatever sends no Origin) need a token in rooms that require none.
    bots_need_token: bool = False
    #: Signs tokens; white space separates older ones, which are only believed still.
    secret: str | None = attrs.field(default=None, repr=False, validator=_secret)
    #: A file of such secrets, which is read again on SIGHUP.
    secret_file: pathlib.Path | None = None
    #: How old a token may be.
    token_valid_s: float = attrs.field(default=300.0, validator=_longer_than_zero)
    #: Addresses that may read /metrics.
    metrics_from: tuple[Network, ...] = LOOPBACK
    #: Who sends ``Authorization: Bearer`` and this may read /metrics from anywhere.
    metrics_token: str | None = attrs.field(default=None, repr=False, validator=_secret)
    #: Makes the random numbers of rooms repeatable; without it they differ at every start.
    seed: int | None = None
    #: "pump": the commands of a room are read at its tick (Linux; elsewhere the same as "tasks").
    reading: Reading = "pump"
    #: "young": garbage collections stay small while people play (``runtime/gc_policy.py``); "all":
    #: as Python does by itself.  Of a server that has the process to itself (``serve``).
    collecting: Collecting = "young"
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"


@attrs.frozen
class _Given:
    """A value as somebody gave it, and where."""

    value: Any
    where: str


def load_settings(
    *,
    defaults: Mapping[str, Any] | None = None,
    file: pathlib.Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return ``defaults``, overridden by ``file``, then ``environment``, then ``flags``.

    ``environment`` is that of the process if None; ``flags`` that are None were not given.
    ``ConfigError`` for whatever cannot be used.
    """
    given = {name: _Given(value, name) for name, value in (defaults or {}).items()}
    if file is not None:
        given |= _from_file(file)
    given |= _from_environment(os.environ if environment is None else environment)
    for name, value in (flags or {}).items():
        if value is not None:
            given[name] = _Given(value, f"--{name.replace('_', '-')}")
    return _settings(given)


def _from_file(file: pathlib.Path) -> dict[str, _Given]:
    try:
        values = tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error
    unknown = sorted(values.keys() - _TYPES.keys())
    if unknown:
        raise ConfigError(f"{file}: there is no setting {unknown[0]}; there are {_NAMES}")
    return {name: _Given(value, f"{name} in {file}") for name, value in values.items()}


def service_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that Kubernetes set for a service, which settings are not read from."""
    return sorted(name for name, text in environment.items() if _is_of_service(name, text))


def _is_of_service(variable: str, text: str) -> bool:
    if _SERVICE_VARIABLE.fullmatch(variable):
        return True
    if not _SERVICE_PORT_VARIABLE.fullmatch(variable):
        return False
    return _SERVICE_ADDRESS.fullmatch(text) is not None


def _from_environment(environment: Mapping[str, str]) -> dict[str, _Given]:
    given = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in RESERVED_VARIABLES:
            continue
        if _is_of_service(variable, text):
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in _TYPES:
            raise ConfigError(
                f"{variable} in the environment: there is no setting {name}; there are {_NAMES}"
            )
        given[name] = _Given(_from_text(text, _TYPES[name]), f"{variable} in the environment")
    return given


def _from_text(text: str, wanted: Any) -> Any:
    """Return what a text stands for, where a number or a yes or no is wanted; else the text."""
    if wanted is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    for number in (int, float):
        if wanted is number or number in typing.get_args(wanted):
            try:
                return number(text)
            except ValueError:
                return text
    return text


def _settings(given: Mapping[str, _Given]) -> Settings:
    values = {}
    for name, item in given.items():
        try:
            values[name] = _CONVERTER.structure(item.value, _TYPES[name])
            validate = attrs.fields_dict(Settings)[name].validator
            if validate is not None:
                validate(None, attrs.fields_dict(Settings)[name], values[name])
        except _WrongTypeError as error:
            given_as = "what was given" if name in _HIDDEN else repr(item.value)
            raise ConfigError(
                f"{item.where}: {given_as} is not {_described(_TYPES[name])}"
            ) from error
        except ValueError as error:
            raise ConfigError(f"{item.where}: {error}") from error
    if values.get("secret") is not None and values.get("secret_file") is not None:
        raise ConfigError("give either secret or secret_file")
    if (values.get("certificate") is None) != (values.get("key") is None):
        raise ConfigError("certificate and key must be given together")
    return Settings(**values)


class _WrongTypeError(ValueError):
    """A value that a setting does not take; cattrs alone would convert some of these."""


def _described(wanted: Any) -> str:
    """Return what a setting of this type takes, in words."""
    if wanted in _CHOICES:
        return "one of " + ", ".join(typing.get_args(wanted))
    return _PLAIN_TYPES[wanted][0]


def _elements(value: str | list[Any] | tuple[Any, ...]) -> list[str]:
    """Return the elements of a list; in the environment and in flags, commas separate them."""
    elements = value.split(",") if isinstance(value, str) else value
    if not all(isinstance(element, str) for element in elements):
        raise _WrongTypeError
    return [element.strip() for element in elements if element.strip()]


def _networks(value: Any) -> tuple[Network, ...]:
    try:
        return tuple(map(ipaddress.ip_network, _elements(value)))
    except _WrongTypeError:
        raise
    except ValueError as error:
        raise _WrongTypeError from error


def _origins(value: Any) -> tuple[str, ...]:
    return tuple(map(_origin, _elements(value)))


def _origin(text: str) -> str:
    """Return an origin as browsers send it."""
    text = text.lower()
    if text in (OWN_HOST, "null"):
        return text
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise _WrongTypeError
    return text.removesuffix(DEFAULT_PORTS.get(match["scheme"], "/"))


#: Type of a setting → in words, what TOML and flags may give, how it is made of that.
_PLAIN_TYPES: Final[dict[Any, tuple[str, tuple[type, ...], Callable[[Any], Any]]]] = {
    str: ("a text", (str,), str),
    int: ("a whole number", (int,), int),
    int | None: ("a whole number", (int,), int),
    float: ("a number", (int, float), float),
    bool: ("true or false", (bool,), bool),
    str | None: ("a text", (str,), str),
    tuple[Network, ...]: (
        "a list of networks, such as 10.0.0.0/8",
        (str, list, tuple),
        _networks,
    ),
    tuple[str, ...]: (
        "a list of origins, such as https://play.example.org (without a path or a last /)",
        (str, list, tuple),
        _origins,
    ),
    pathlib.Path | None: ("a path", (str, pathlib.PosixPath, pathlib.WindowsPath), pathlib.Path),
}


def _structure_plain(value: Any, wanted: Any) -> Any:
    _, allowed, make = _PLAIN_TYPES[wanted]
    if type(value) not in allowed:
        raise _WrongTypeError
    return make(value)


def _structure_choice(value: Any, wanted: Any) -> Any:
    if value not in typing.get_args(wanted):
        raise _WrongTypeError
    return value


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for wanted in _PLAIN_TYPES:
        if typing.get_origin(wanted) is tuple:  # which cattrs would otherwise take apart itself
            converter.register_structure_hook_func(partial(eq, wanted), _structure_plain)
        else:
            converter.register_structure_hook(wanted, _structure_plain)
    converter.register_structure_hook_func(lambda wanted: wanted in _CHOICES, _structure_choice)
    return converter


_TYPES: Final[dict[str, Any]] = typing.get_type_hints(Settings)
_NAMES: Final = ", ".join(_TYPES)
#: Settings that no message repeats.
_HIDDEN: Final = frozenset(f.name for f in attrs.fields(Settings) if not f.repr)
_CONVERTER: Final = _make_converter()
