"""``gameserver types``: the classes that a room and its clients exchange, as TypeScript.

Owns the command's argument and its output; ``gameserver/model/typescript.py`` writes them.
"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from gameserver.cli.room_names import load_room
from gameserver.model.options import named_fields
from gameserver.model.typescript import typescript_of


def types(
    room: Annotated[str, Parameter(help="The room, as in mygame:MyRoom.")],
) -> None:
    """Print a room's entities, commands, events and options as TypeScript, for its pages."""
    cls = load_room(room)
    options = None if cls.options is None else named_fields(cls.options, "options")
    listing = None if cls.listing is None else named_fields(cls.listing, "listing")
    declarations = typescript_of(cls.schema(), room, options, listing, cls.filter_by)
    # For a file: nothing but the declarations.
    sys.stdout.write(declarations)
    sys.stdout.flush()
