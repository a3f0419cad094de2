"""The settings of a server as flags of a command.

Owns the flags, one for each setting of ``config.py``, so that no setting is declared twice.
"""

from __future__ import annotations

import pathlib
import types
import typing
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
from cyclopts import Parameter

from gameserver.config import NodeCount, Settings, load_settings
from gameserver.runtime.http.page_folder import refuse_private

#: The argument of commands that serve.
ConfigFile = Annotated[pathlib.Path | None, Parameter(help="A TOML file of settings.")]


def _flag_type(setting: Any, help_text: str) -> Any:
    """Return the type of a flag.

    A list is given as one text, with commas between its elements, and a count of nodes may be auto.
    A path is a text too: as an empty path, an empty text would be the folder here.
    """
    as_text = typing.get_origin(setting) is tuple or setting in (NodeCount, pathlib.Path | None)
    plain = str if as_text else setting
    optional = plain if isinstance(plain, types.UnionType) else plain | None
    return Annotated[optional, Parameter(help=help_text)]


def _flags() -> dict[str, Any]:
    """Return name → field of all flags: every setting except the secrets."""
    hints = typing.get_type_hints(Settings)
    return {
        setting.name: attrs.field(
            default=None,
            type=_flag_type(hints[setting.name], setting.metadata["help"]),
        )
        for setting in attrs.fields(Settings)
        if setting.repr
    }


if TYPE_CHECKING:

    class _EachSetting:
        """For type checkers; ``attrs.make_class`` makes the real class below."""

        def __init__(self, **_given: Any) -> None: ...

else:
    _EachSetting = attrs.make_class("_EachSetting", _flags(), kw_only=True, frozen=True)


@Parameter(name="*")
class Flags(_EachSetting):
    """The settings as flags; a flag that was not given is None."""

    def settings(self, file: pathlib.Path | None, **defaults: Any) -> Settings:
        """Return the settings of ``file``, environment and flags, over ``defaults``."""
        settings = load_settings(defaults=defaults, file=file, flags=self.given())
        if settings.page is not None:
            refuse_private(settings.page, [file])
        return settings

    def given(self) -> dict[str, Any]:
        """Return the flags that were given, by the names of their settings."""
        values = {name: getattr(self, name) for name in _flags()}
        return {name: value for name, value in values.items() if value is not None}

    def arguments(self) -> list[str]:
        """Return the flags that were given, as on a command line: for other processes."""
        arguments = []
        for name in _flags():
            value, flag = getattr(self, name), name.replace("_", "-")
            if isinstance(value, bool):
                arguments.append(f"--{flag}" if value else f"--no-{flag}")
            elif value is not None:
                arguments.append(f"--{flag}={value}")
        return arguments


#: For a command that was given no flags.
NO_FLAGS: Final = Flags()
