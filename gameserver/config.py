"""The settings of a server.  Flags override the environment, which overrides a TOML file.

Owns the name, default, type and limits of every setting.  An error message says which setting is
wrong and where it was set.  Never knows what a setting is for.
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
#: Variables with this prefix that are no settings; other code reads them.
RESERVED_VARIABLES: Final = frozenset(
    {
        "GAMESERVER_PURE",
        "GAMESERVER_REQUIRE_COMPILED",
        "GAMESERVER_KEEPER",
        "GAMESERVER_TAKEOVER",
    }
)

#: Kubernetes sets such variables in every container, for each service of its namespace.  A service
#: called "gameserver" or "gameserver-tls" therefore sets variables with our prefix.  Only its value
#: shows whether GAMESERVER_PORT comes from Kubernetes or is the setting.
_SERVICE_VARIABLE: Final = re.compile(
    r"GAMESERVER(_[A-Z0-9_]+)?_"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_PORT_VARIABLE: Final = re.compile(r"GAMESERVER(_[A-Z0-9_]+)?_PORT")
_SERVICE_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://[^/]+:\d+")


#: How messages of players are read: by one poller for all, or by one task per player.
Reading = Literal["poller", "tasks"]

#: Reach of a full garbage collection: only young objects, or all objects.
Collecting = Literal["young", "all"]

_CHOICES: Final = (LogLevel, LogFormat, Reading, Collecting)

#: How many node processes share the port; "auto" stands for one on each core.
NodeCount = typing.NewType("NodeCount", int)
MAX_NODES: Final = 256

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: A DNS name in lower case, without a port and without a trailing dot.
HostName = typing.NewType("HostName", str)
#: An element of ``hosts`` that stands for every name.
ANY_HOST: Final = HostName("*")
_HOST_NAME: Final = re.compile(r"\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*")

#: The loopback addresses of this machine.
LOOPBACK: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv6Network("::1/128"),
)
#: An element of ``origins`` that stands for the host that the request itself names.
OWN_HOST: Final = "self"
MIN_SECRET_LENGTH: Final = 32
_OPERATOR: Final = re.compile(r"[A-Za-z0-9._@-]{1,32}")

_WEBSOCKET_URL: Final = re.compile(
    r"wss?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
)
#: An origin as browsers send it (RFC 6454, 6.2), except for letter case and a default port.
_ORIGIN: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://[a-z0-9._\[\]:-]+")
#: The default port of each scheme, as an origin or a ``Host`` header may end with it.
DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class ConfigError(GameServerError):
    """A setting is unknown or wrong; the message names the setting and where it was set."""


def _at_least(low: float) -> Any:
    """Return an attrs validator with a message for the operator of the server."""

    def check(_instance: object, attribute: Any, value: float | None) -> None:
        if value is not None and not value >= low:  # also refuses NaN
            raise ValueError(f"{attribute.name} must be at least {low:g}")

    return check


def _port(_instance: object, attribute: Any, value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError(f"{attribute.name} must be from 0 to 65535 (0: any free port)")


def _node_count(_instance: object, attribute: Any, value: int) -> None:
    if not 1 <= value <= MAX_NODES:
        raise ValueError(f"{attribute.name} must be from 1 to {MAX_NODES}, or auto")


def _longer_than_zero(_instance: object, attribute: Any, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{attribute.name} must be more than 0")


def _websocket_url(_instance: object, attribute: Any, value: str | None) -> None:
    if value is not None and not _WEBSOCKET_URL.fullmatch(value):
        raise ValueError(
            f"{attribute.name} must be like wss://a.example.org, without user, query and fragment"
        )


def _secret(_instance: object, attribute: Any, value: str | None) -> None:
    if value is not None and not secrets_in(value):
        raise ValueError(f"{attribute.name} is empty")
    if any(len(one) < MIN_SECRET_LENGTH for one in secrets_in(value or "")):
        raise ValueError(f"{attribute.name} must be at least {MIN_SECRET_LENGTH} characters")


def _admin_tokens(_instance: object, attribute: Any, value: str | None) -> None:
    if value is not None:
        try:
            admin_tokens_in(value)
        except ValueError as error:
            raise ValueError(f"{attribute.name} {error}") from None


def admin_tokens_in(text: str) -> dict[str, str]:
    """Return the tokens of operators in ``text``, each with the name of its operator.

    A token without a name is that of ``operator``.  ``ValueError`` if one is too short.
    """
    named = {}
    for one in text.split():
        name, colon, token = one.rpartition(":")
        if len(token) < MIN_SECRET_LENGTH:
            raise ValueError(f"must have tokens of at least {MIN_SECRET_LENGTH} characters")
        if colon and not _OPERATOR.fullmatch(name):
            raise ValueError("must have names of 1 to 32 characters of A-Z a-z 0-9 . _ @ -")
        named[token] = name or "operator"
    if not named:
        raise ValueError("is empty")
    return named


def secrets_in(text: str) -> tuple[str, ...]:
    """Return the secrets in ``text``, separated by white space; the first one signs."""
    return tuple(text.split())


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return the secrets of tokens, or an empty tuple; the first one signs, all verify.

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


def _setting(default: Any, help: str, *, validator: Any = None, secret: bool = False) -> Any:  # noqa: A002
    """Declare a setting; its flag and the reference page show ``help``.

    A ``secret`` has no flag, because every user of a machine can read the flags of its processes.
    No message repeats its value.
    """
    return attrs.field(
        default=default, validator=validator, repr=not secret, metadata={"help": help}
    )


@attrs.frozen(kw_only=True)
class Settings:
    """All settings of a server; names that end in ``_s`` are in seconds."""

    host: str = _setting(
        "127.0.0.1",
        "Address or name to listen on; 0.0.0.0 for all of IPv4, :: for all of IPv6 and no IPv4.",
    )
    port: int = _setting(8000, "Port for http and ws; 0 for any free port.", validator=_port)
    tls_port: int = _setting(
        8443, "Port for https and wss, if there is a certificate.", validator=_port
    )
    certificate: pathlib.Path | None = _setting(
        None, "TLS certificate, followed by its intermediate certificates, PEM."
    )
    key: pathlib.Path | None = _setting(None, "Private key of the certificate, PEM.")
    nodes: NodeCount = _setting(
        NodeCount(1),
        "Processes that serve the port together, each pinned to a core; auto: one for each core. "
        "Only `gameserver serve` starts more than one.",
        validator=_node_count,
    )
    page: pathlib.Path | None = _setting(
        None, "Folder with your own page, served at /; it is read once, at the start."
    )
    grace_s: float = _setting(5.0, "Longest duration of a shutdown.", validator=_at_least(0))
    drain_s: float = _setting(
        0.0,
        "How long rooms play on after SIGTERM: no room is made meanwhile, and the server stops "
        "once nobody plays.  A second SIGTERM stops it at once.",
        validator=_at_least(0),
    )
    hello_deadline_s: float = _setting(
        5.0,
        "Longest time from accepting a connection to its hello, TLS and upgrade included.",
        validator=_longer_than_zero,
    )
    ping_interval_s: float = _setting(
        2.0,
        "Time between two ping frames; an idle connection is pinged less often.",
        validator=_longer_than_zero,
    )
    empty_room_s: float = _setting(
        30.0, "How long an empty room stays open.", validator=_at_least(0)
    )
    max_rooms: int = _setting(
        2000,
        "Most rooms at a time.  Two thousand rooms in which nothing happens take 80 MB and a "
        "third of a core at 20 Hz; each open room is a load, so there has to be a limit.",
        validator=_at_least(1),
    )
    max_rooms_per_address: int = _setting(
        10,
        "Most open rooms that one address has made (in IPv6: one /64).",
        validator=_at_least(1),
    )
    rooms_per_s: float = _setting(
        20.0,
        "New rooms per second; a burst may make as many as in ten seconds.  So many suffice for "
        "two thousand matches of two minutes, and clients that ask for room after room cannot "
        "keep the server busy.",
        validator=_longer_than_zero,
    )
    max_connections: int = _setting(
        10_000,
        "Most connections at a time; the open-file limit bounds it too.",
        validator=_at_least(1),
    )
    max_connections_per_address: int = _setting(
        200, "Most connections of one address (in IPv6: of one /64).", validator=_at_least(1)
    )
    max_joining: int = _setting(
        2000,
        "Most connections that have not joined a room, requests for the page included.",
        validator=_at_least(1),
    )
    connects_per_s: float = _setting(
        20.0,
        "New connections per second of one address; a burst may be `max_connections_per_address`. "
        "A further request on an open connection counts as an eighth.",
        validator=_longer_than_zero,
    )
    joins_per_s: float = _setting(
        100.0,
        "Joins per second; as many may wait. Players who resume go first.",
        validator=_longer_than_zero,
    )
    hosts: tuple[HostName, ...] = _setting(
        (),
        "Host names that requests may name; *: any. `localhost` and addresses are always allowed. "
        "If none is listed, requests from other machines may name any host, requests from this "
        "machine no other.",
    )
    trusted: tuple[Network, ...] = _setting(
        LOOPBACK, "Networks that are exempt from the limits per address."
    )
    proxies: tuple[Network, ...] = _setting((), "Networks whose X-Forwarded-For is believed.")
    origins: tuple[str, ...] = _setting(
        (OWN_HOST,),
        "Origins of pages that may connect; self: the host that the request names.",
    )
    bots_need_token: bool = _setting(
        default=False, help="Whether clients that send no Origin need a token in every room."
    )
    secret: str | None = _setting(
        None,
        "Whitespace-separated secrets: the first signs, the rest only verify.",
        validator=_secret,
        secret=True,
    )
    secret_file: pathlib.Path | None = _setting(
        None, "File with such secrets; SIGHUP makes the server read it again."
    )
    backend_token: str | None = _setting(
        None,
        "Whitespace-separated bearer tokens with which a back end of the game may reserve seats "
        "(POST /api/reservations).",
        validator=_secret,
        secret=True,
    )
    token_valid_s: float = _setting(
        300.0, "How long a sign-in token is valid.", validator=_longer_than_zero
    )
    storage: str | None = _setting(
        None,
        "Where games keep objects, leaderboards and matches: sqlite:FILE or "
        "postgresql://USER@HOST/DATABASE (a password belongs into GAMESERVER_STORAGE or "
        "~/.pgpass); by default in the data folder, or nowhere.",
    )
    directory: str | None = _setting(
        None,
        "Redis or Valkey that the nodes of several hosts share: redis://HOST (rediss: with TLS; "
        "redis+sentinel, redis+cluster); a password belongs into GAMESERVER_DIRECTORY.",
    )
    public_url: str | None = _setting(
        None,
        "Where clients of other nodes reach this one: ws://HOST:PORT or wss://HOST.",
        validator=_websocket_url,
    )
    agones: bool = _setting(
        default=False,
        help="Whether the Agones sidecar of this pod is told: ready, healthy while rooms tick, "
        "allocated while somebody plays.",
    )
    metrics_from: tuple[Network, ...] = _setting(LOOPBACK, "Networks that may read /metrics.")
    metrics_token: str | None = _setting(
        None,
        "Bearer token that may read /metrics from anywhere.",
        validator=_secret,
        secret=True,
    )
    admin_token: str | None = _setting(
        None,
        "Tokens of operators, whitespace-separated, each alone or as name:token; without one "
        "there is no admin port.",
        validator=_admin_tokens,
        secret=True,
    )
    admin_token_file: pathlib.Path | None = _setting(
        None, "File with such tokens; it is read at each use, so a token can be removed at once."
    )
    admin_host: str = _setting(
        "127.0.0.1",
        "Address of the admin port.  It speaks HTTP without TLS: from elsewhere, reach it through "
        "an SSH tunnel or a proxy with TLS.",
    )
    admin_port: int = _setting(
        8900, "Port of the monitor and the admin API; 0 for any free port.", validator=_port
    )
    data: pathlib.Path | None = _setting(
        None,
        "Folder for data that outlives the server: rooms, journals, the database, a secret.",
    )
    checkpoint_s: float = _setting(
        5.0, "Time between two checkpoints of a durable room.", validator=_longer_than_zero
    )
    sync_s: float = _setting(
        1.0,
        "Time until the journal of a durable room is safe from a power loss.",
        validator=_at_least(0),
    )
    journal: pathlib.Path | None = _setting(
        None, "Folder for journals of all rooms, which `gameserver replay` plays again."
    )
    journal_check_s: float = _setting(
        1.0, "Time between two checks of the state in a journal.", validator=_longer_than_zero
    )
    journal_key_frame_s: float = _setting(
        60.0,
        "Time between two key frames of a journal; a replay can begin at each.",
        validator=_longer_than_zero,
    )
    journal_file_mb: float = _setting(
        64.0,
        "Once a file of a journal has this size, the next key frame begins another file.",
        validator=_longer_than_zero,
    )
    journal_keep_mb: float = _setting(
        2000.0,
        "Once all journals together have this size, the oldest files are removed.",
        validator=_longer_than_zero,
    )
    seed: int | None = _setting(
        None, "Makes the random numbers of rooms repeatable; by default they differ at each start."
    )
    reading: Reading = _setting(
        "poller",
        "poller: the links are read before each round of ticks (Linux); tasks: each has a task.",
    )
    collecting: Collecting = _setting(
        "young",
        "young: garbage collections examine young objects only while people play; all: Python's "
        "default.",
    )
    log_level: LogLevel = _setting("info", "The least important level that is logged.")
    log_format: LogFormat = _setting("auto", "auto: text on a terminal, JSON elsewhere.")


@attrs.frozen
class _Given:
    """A value before conversion, and where it was set."""

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

    ``environment`` None stands for the environment of the process; a flag that is None was not
    given.  ``ConfigError`` for anything that cannot be used.
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
    """Return the variables that Kubernetes set for a service; they are no settings."""
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
    """Return ``text`` as a number or a bool where ``wanted`` is one, else unchanged."""
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
            given_as = "the given value" if name in _HIDDEN else repr(item.value)
            raise ConfigError(
                f"{item.where}: {given_as} is not {_described(_TYPES[name])}"
            ) from error
        except ValueError as error:
            raise ConfigError(f"{item.where}: {error}") from error
    if values.get("secret") is not None and values.get("secret_file") is not None:
        raise ConfigError("give either secret or secret_file")
    if values.get("admin_token") is not None and values.get("admin_token_file") is not None:
        raise ConfigError("give either admin_token or admin_token_file")
    if (values.get("certificate") is None) != (values.get("key") is None):
        raise ConfigError("certificate and key must be given together")
    if (values.get("directory") is None) != (values.get("public_url") is None):
        raise ConfigError("directory and public_url must be given together")
    if values.get("agones") and values.get("nodes", 1) != 1:
        raise ConfigError("nodes: with agones each server is one node in a pod of its own")
    return Settings(**values)


class _WrongTypeError(ValueError):
    """A value of the wrong type; cattrs alone would convert some of these."""


def describe_type(name: str) -> str:
    """Describe the values that the setting called ``name`` accepts."""
    return _described(_TYPES[name])


def _described(wanted: Any) -> str:
    """Describe the values that a setting of this type accepts."""
    if wanted in _CHOICES:
        return "one of " + ", ".join(typing.get_args(wanted))
    return _PLAIN_TYPES[wanted][0]


def _elements(value: str | list[Any] | tuple[Any, ...]) -> list[str]:
    """Return the elements of a list; a text (from the environment or a flag) has commas."""
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


def _nodes(value: str | int) -> NodeCount:
    if value == "auto":
        return NodeCount(min(usable_cores(), MAX_NODES))
    try:
        return NodeCount(int(value))
    except ValueError as error:
        raise _WrongTypeError from error


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _host_names(value: Any) -> tuple[HostName, ...]:
    names = [element.lower().removesuffix(".") for element in _elements(value)]
    if not all(map(_HOST_NAME.fullmatch, names)):
        raise _WrongTypeError
    return tuple(map(HostName, names))


def _origins(value: Any) -> tuple[str, ...]:
    return tuple(map(_origin, _elements(value)))


def _origin(text: str) -> str:
    """Return ``text`` as browsers write this origin."""
    text = text.lower()
    if text in (OWN_HOST, "null"):
        return text
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise _WrongTypeError
    return text.removesuffix(DEFAULT_PORTS.get(match["scheme"], "/"))


def _path(value: str | pathlib.Path) -> pathlib.Path:
    """Return a path; an empty text, as of a variable that is not set, is not the folder here."""
    if value == "":
        raise _WrongTypeError
    return pathlib.Path(value)


#: Type of a setting → its description, the types accepted from TOML and flags, its converter.
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
    tuple[HostName, ...]: (
        "a list of host names, such as play.example.org (without scheme and port), or * for any",
        (str, list, tuple),
        _host_names,
    ),
    tuple[str, ...]: (
        "a list of origins, such as https://play.example.org (without a path or a last /)",
        (str, list, tuple),
        _origins,
    ),
    NodeCount: ("a number of processes, or auto", (str, int), _nodes),
    pathlib.Path | None: ("a path", (str, pathlib.PosixPath, pathlib.WindowsPath), _path),
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
        if typing.get_origin(wanted) is tuple:  # else cattrs would convert element by element
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
