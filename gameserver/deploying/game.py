"""The input of a game's deployment files: its name, its rooms and its settings.

Owns reading the settings as they were given, and writing them as a file of settings.  Secrets are
never among them: they belong into files that only the server's user can read.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from gameserver.config import Settings, load_settings
from gameserver.errors import GameServerError

#: A label of DNS, as Kubernetes, systemd and host names take it.
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_SECRETS: Final = frozenset(each.name for each in attrs.fields(Settings) if not each.repr)
#: Nodes of a game in containers, if the settings do not say.
DEFAULT_NODES: Final = 2
#: More than the server itself takes to stop.
_SPARE_S: Final = 10.0


class DeployError(GameServerError):
    """Files cannot be made from what was given."""


@attrs.frozen(kw_only=True)
class Game:
    """A game to deploy.  ``given`` are its settings as they were given, by name, in text form."""

    name: str
    rooms: tuple[str, ...]
    given: Mapping[str, Any]
    #: Addresses of the servers behind a proxy, as HOST:PORT.
    servers: tuple[str, ...]
    #: Where the files are written, seen from the folder of the game.
    folder: pathlib.Path

    def settings(self, **defaults: Any) -> Settings:
        """Return the settings, over the ``defaults`` of a recipe."""
        return load_settings(defaults=defaults, environment={}, flags=self.given)

    @property
    def public_host(self) -> str:
        """The host name under which players reach the game; ``DeployError`` if none is given."""
        hosts = [host for host in self.settings().hosts if host != "*"]
        if not hosts:
            raise DeployError("give the host name of the game: --hosts play.example.org")
        return hosts[0]

    @property
    def nodes(self) -> int:
        """The number of nodes of the game in containers."""
        return self.settings().nodes if "nodes" in self.given else DEFAULT_NODES

    def without(self, names: Collection[str]) -> Game:
        """Return the game without the settings ``names``, which a recipe makes itself."""
        given = {name: value for name, value in self.given.items() if name not in names}
        return attrs.evolve(self, given=given)

    def settings_file(self, **defaults: Any) -> str:
        """Return a TOML file of the settings, over the ``defaults`` of a recipe."""
        values = {**defaults, **self.given}
        return "".join(f"{name} = {_toml(value)}\n" for name, value in values.items())


def name_of(rooms: Sequence[str], name: str | None) -> str:
    """Return the name of the game: ``name``, or that of the package of the first room."""
    chosen = name or (rooms[0].partition(":")[0].partition(".")[0] if rooms else "")
    chosen = chosen if name else chosen.replace("_", "-")
    if not _NAME.fullmatch(chosen):
        raise DeployError(
            f"{chosen!r} cannot be the name of a service; give one of a-z 0-9 -, beginning with a "
            "letter: --name mygame"
        )
    return chosen


def stop_s(settings: Settings) -> float:
    """Return how long a server with these settings may take to stop."""
    return settings.drain_s + settings.grace_s + _SPARE_S


def without_secrets(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``given`` without the secrets."""
    return {name: value for name, value in given.items() if name not in _SECRETS}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False)
