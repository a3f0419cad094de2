"""The settings of a server, and where they come from: a TOML file < environment < flags.

Owns names, defaults, types and limits of all settings, and error messages that say which
one is wrong and where it was set.  Never knows what a setting is for.
"""

from __future__ import annotations

import os
import pathlib
import tomllib
import types
import typing
from collections.abc import Mapping
from typing import Any, Final

import attrs
import cattrs

from gameserver.errors import GameServerError
from gameserver.ops.logging import LogFormat, LogLevel

#: ``GAMESERVER_PORT`` in the environment is ``port`` in the file and ``--port`` as a flag.
ENVIRONMENT_PREFIX: Final = "GAMESERVER_"


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


@attrs.frozen(kw_only=True)
class Settings:
    """All settings of a server; ``_s`` are seconds."""

    #: An address or name of this machine; 0.0.0.0 for all of IPv4, :: for all of IPv6.
    host: str = "127.0.0.1"
    #: For http and ws; 0 for any free port.
    port: int = attrs.field(default=8000, validator=_port)
    #: For https and wss, if there are a certificate and its key (files in PEM).
    tls_port: int = attrs.field(default=8443, validator=_port)
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None
    #: How long a shutdown may take.
    grace_s: float = attrs.field(default=5.0, validator=_at_least(0))
    hello_deadline_s: float = attrs.field(default=5.0, validator=_longer_than_zero)
    ping_interval_s: float = attrs.field(default=2.0, validator=_longer_than_zero)
    #: An empty room closes after this.
    empty_room_s: float = attrs.field(default=30.0, validator=_at_least(0))
    max_rooms: int = attrs.field(default=100, validator=_at_least(1))
    max_connections: int = attrs.field(default=10_000, validator=_at_least(1))
    #: Makes the random numbers of rooms repeatable; without it they differ at every start.
    seed: int | None = None
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"

    def __attrs_post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key must be given together")


@attrs.frozen
class _Given:
    """A value as somebody gave it, and where."""

    value: Any
    where: str


def load_settings(
    *,
    file: pathlib.Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings of ``file``, overridden by ``environment``, overridden by ``flags``.

    ``environment`` is that of the process if None; ``flags`` that are None were not given.
    ``ConfigError`` for whatever cannot be used.
    """
    given = _from_file(file) if file is not None else {}
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


def _from_environment(environment: Mapping[str, str]) -> dict[str, _Given]:
    given = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in _TYPES:
            raise ConfigError(
                f"{variable} in the environment: there is no setting {name}; there are {_NAMES}"
            )
        given[name] = _Given(_from_text(text, _TYPES[name]), f"{variable} in the environment")
    return given


def _from_text(text: str, wanted: Any) -> Any:
    """Return the number that a text stands for, where a number is wanted; else the text."""
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
            Settings(**{name: values[name]} if name not in _PAIR else {})
        except (ValueError, TypeError, cattrs.BaseValidationError) as error:
            raise ConfigError(f"{item.where}: {_why(error, item.value, _TYPES[name])}") from error
    try:
        return Settings(**values)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _why(error: Exception, value: Any, wanted: Any) -> str:
    if isinstance(error, ValueError) and not isinstance(error, _WrongType):
        return str(error)
    return f"{value!r} is not {_DESCRIPTIONS.get(wanted) or _choices(wanted)}"


def _choices(wanted: Any) -> str:
    return "one of " + ", ".join(map(str, typing.get_args(wanted)))


class _WrongType(ValueError):
    """A value of a type that a setting does not take; cattrs alone would convert it."""


def _exactly(*allowed: type) -> Any:
    def structure(value: Any, wanted: Any) -> Any:
        if type(value) not in allowed and not isinstance(value, pathlib.Path):
            raise _WrongType
        for made in typing.get_args(wanted) or (wanted,):
            if made is not types.NoneType:
                return made(value)
        raise AssertionError(wanted)

    return structure


_TYPES: Final[dict[str, Any]] = typing.get_type_hints(Settings)
_NAMES: Final = ", ".join(_TYPES)
_PAIR: Final = ("certificate", "key")
_DESCRIPTIONS: Final[dict[Any, str]] = {
    str: "a text",
    int: "a whole number",
    int | None: "a whole number",
    float: "a number",
    pathlib.Path | None: "a path",
}
_CONVERTER: Final = cattrs.Converter()
for _type, _allowed in (
    (str, (str,)),
    (int, (int,)),
    (int | None, (int,)),
    (float, (int, float)),
    (pathlib.Path | None, (str,)),
):
    _CONVERTER.register_structure_hook(_type, _exactly(*_allowed))
