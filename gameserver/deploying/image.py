"""The recipe of the container image, a part of those for containers.

Owns the Dockerfile and the list of packages: each with the version that is installed here, so the
image has what the game was tested with.
"""

from __future__ import annotations

import importlib.metadata
import json
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from gameserver.deploying.game import Game
from gameserver.deploying.templates import filled

DISTRIBUTION: Final = "trio-gameserver"
#: The extras that nodes on several hosts need.  Their storage is a database server, never SQLite.
EXTRAS: Final = ("cluster", "postgres")
#: The Python of the image.
_PYTHON_MINOR: Final = 11
_REQUIREMENT: Final = re.compile(r"([\w.-]+)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?")
_EXTRA: Final = re.compile(r"extra\s*==\s*[\"']([^\"']+)")
_OLDER_PYTHON: Final = re.compile(r"python_version\s*<=?\s*[\"']3\.(\d+)")
_OTHER_SYSTEM: Final = re.compile(r"==\s*[\"'](?:nt|win32|Windows|PyPy)[\"']")


def image_name(game: Game) -> str:
    """Return the name of the image."""
    return f"{game.name}:latest"


def image_files(game: Game, extras: Iterable[str] = EXTRAS) -> dict[str, str]:
    """Return the files of the image."""
    folder = game.folder.as_posix()
    source = _source(game)
    inside = [f"!{source}/**"] if "." not in source else []
    inside += [f"{source}/{name}" for name in ("**/.*", "data")] if inside else []
    values = {
        "name": game.name,
        "image": image_name(game),
        "folder": f"{folder}/",
        "dockerfile": f"{folder}/Dockerfile",
        "source": source,
        "ignore_inside": "\n".join(inside),
        "quoted_rooms": quoted(game.rooms),
    }
    return {
        "Dockerfile": filled("image/Dockerfile", values),
        "Dockerfile.dockerignore": filled("image/dockerignore", values),
        "requirements.txt": requirements(extras),
        "wheels/README": filled("image/wheels-README", values),
    }


def image_step(folder: pathlib.PurePath) -> str:
    """Return the step that comes before the build of the image."""
    return (
        f"put wheels that no index has into {folder.as_posix()}/wheels, and what else the game "
        f"imports into {folder.as_posix()}/requirements.txt"
    )


def quoted(words: Iterable[str]) -> str:
    """Return ``words`` as elements of a list in JSON, without its brackets."""
    return ", ".join(map(json.dumps, words))


def requirements(extras: Iterable[str]) -> str:
    """Return the packages of a server with ``extras``, each with the version installed here."""
    first = f"{DISTRIBUTION}[{','.join(extras)}]"
    versions = dict(sorted(_installed(DISTRIBUTION, frozenset(extras), set())))
    own = versions.pop(DISTRIBUTION)
    lines = [f"{first}=={own}", *(f"{name}=={version}" for name, version in versions.items())]
    return "\n".join(lines) + "\n"


def _installed(name: str, extras: frozenset[str], seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield name and version of a distribution and of all that it needs."""
    if name in seen:
        return
    seen.add(name)
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # for another Python or system, or an extra that is not installed here
    yield name, distribution.version
    for text in distribution.requires or ():
        match = _REQUIREMENT.match(text)
        if match is not None and _is_needed(match[3] or "", extras):
            inner = frozenset(filter(None, (match[2] or "").replace(" ", "").split(",")))
            yield from _installed(_normal(match[1]), inner, seen)


def _is_needed(marker: str, extras: frozenset[str]) -> bool:
    extra = _EXTRA.search(marker)
    if extra is not None and extra[1] not in extras:
        return False
    older = _OLDER_PYTHON.search(marker)
    if older is not None and int(older[1]) <= _PYTHON_MINOR:
        return False
    return _OTHER_SYSTEM.search(marker) is None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _source(game: Game) -> str:
    """Return the package or module of the game, as a path."""
    top = game.rooms[0].partition(":")[0].partition(".")[0]
    return f"{top}.py" if pathlib.Path(f"{top}.py").is_file() else top
