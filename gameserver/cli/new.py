"""``gameserver new``: a game to begin with, as a Python package with page, bots and tests.

Owns the name's rules, the copy and the printed next steps.  The files are in
``gameserver/templates``, where they run, are tested and are type-checked as they are.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import keyword
import pathlib
import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from rich.console import Console

from gameserver.cli.errors import UsageError
from gameserver.ops.output import unfailing_output

TEMPLATES: Final = "gameserver.templates"
#: pytest and others look for these names.
TAKEN: Final = frozenset({"tests", "test", "page"})
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

Template = Literal["blank", "arena", "turns", "chat"]
#: The class of bots in each.
BOTS: Final[dict[Template, str]] = {
    "blank": "Wanderer",
    "arena": "Hunter",
    "turns": "Gambler",
    "chat": "Talker",
}


@unfailing_output()
def new(
    name: Annotated[str, Parameter(help="The game's name, which is its package's: mygame.")],
    *,
    template: Annotated[
        Template,
        Parameter(help="A moving dot, a shooter with prediction, a card game, or a chat."),
    ] = "blank",
) -> None:
    """Make a game of your own: a package with room, page, bots and tests, that runs at once."""
    check_name(name)
    folder = pathlib.Path(name)
    if folder.exists():
        raise UsageError(f"{name} is there already; choose another name, or move it away")
    if name in TAKEN or importlib.util.find_spec(name) is not None:
        raise UsageError(f"{name!r} is the name of another module; choose another name")
    make_game(folder, template)
    console = Console()
    for line in _next_steps(name, folder, BOTS[template]):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def check_name(name: str) -> None:
    """Raise ``UsageError`` for a name that cannot be that of a new package."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a package: 1 to 40 of a-z 0-9 _, beginning with a letter"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(f"{name!r} is a word of Python; choose another name")


def make_game(folder: pathlib.Path, template: Template) -> None:
    """Copy a template to ``folder``, whose name is that of the package.

    ``UsageError`` if it cannot be written.
    """
    source = importlib.resources.files(TEMPLATES) / template
    try:
        for path, file in _files_of(source, pathlib.PurePosixPath()):
            text = file.read_text(encoding="utf-8")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            renamed = text.replace(f"{TEMPLATES}.{template}", folder.name)
            target.write_text(renamed, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or folder}: {error.strerror}") from error


def _files_of(
    source: Traversable, path: pathlib.PurePosixPath
) -> Iterator[tuple[pathlib.PurePosixPath, Traversable]]:
    for entry in sorted(source.iterdir(), key=lambda entry: entry.name):
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _files_of(entry, path / entry.name)
        else:
            yield path / entry.name, entry


def _next_steps(name: str, folder: pathlib.Path, bot: str) -> Iterator[str]:
    steps = {
        "serve it, with every change at once": f"gameserver dev {name}:Game",
        "have bots play on it": (
            f"gameserver bots ws://127.0.0.1:8000/ --bot {name}.bots:{bot} --count 3"
        ),
        "test it" + _without_pytest(): f"python -m pytest {name}",
        "serve it to players": f"gameserver serve {name}:Game",
    }
    yield f"{folder}/room.py has the rules, {folder}/page the page.  From here:"
    width = max(map(len, steps))
    yield from (f"  {does:{width}}  {step}" for does, step in steps.items())


def _without_pytest() -> str:
    return "" if importlib.util.find_spec("pytest") else ", after pip install pytest"
