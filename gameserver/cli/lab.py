"""``gameserver lab``: a bad network in front of a server.

Owns the command's arguments only; ``clients/lab`` is the network.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from clients.lab.profiles import profile_of
from clients.lab.proxy import Endpoint
from clients.lab.running import run_lab
from gameserver.ops.live import keep_showing
from gameserver.ops.output import unfailing_output


@unfailing_output()
def lab(
    *,
    profile: Annotated[
        str,
        Parameter(help="lan, cable, mobile, bad-wifi, other-continent, train, or e.g. 150ms."),
    ],
    to: Annotated[str, Parameter(help="The server: a port of this machine, or host:port.")],
    listen: Annotated[str, Parameter(help="Where players connect; 0: any free port.")] = "0",
    seed: Annotated[str | None, Parameter(help="Makes delays and stalls repeatable.")] = None,
) -> None:
    """Put a bad network in front of a server: delay, jitter, a slow link, stalls."""

    console = Console()
    run_lab(
        profile_of(profile),
        listen=Endpoint.from_text(listen),
        to=Endpoint.from_text(to),
        seed=secrets.token_hex(4) if seed is None else seed,
        say=partial(console.print, markup=False, highlight=False, soft_wrap=True),
        show=partial(keep_showing, console),
    )
