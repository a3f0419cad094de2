"""``gameserver step``: a module of step functions as JavaScript.

Owns the command's argument and its output; ``gameserver/stepping`` translates.
"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from gameserver.cli.module_names import import_from_here
from gameserver.stepping import javascript_of


def step(
    module: Annotated[str, Parameter(help="Its name, as in mygame.movement.")],
) -> None:
    """Print step functions, written once in Python, as JavaScript that gives the same bits."""
    import_from_here(module)
    # For a file: nothing but the code.
    sys.stdout.write(javascript_of(module))
    sys.stdout.flush()
