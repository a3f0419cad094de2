"""``gameserver top``: the rooms of a running server, in the terminal.

Owns asking for ``/metrics/rooms`` and the tables made of the answer.  A server may be of another
version, and its rooms have names that clients chose: everything is shown as text.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.parse
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gameserver.cli.errors import UsageError
from gameserver.ops.output import unfailing_output

PATH: Final = "/metrics/rooms"
ANSWER_DEADLINE_S: Final = 5.0
#: The longest answer that is read.
MOST_BYTES: Final = 4 << 20
#: The most slow ticks in the table; the answer has a hundred.
MOST_SLOW: Final = 12


@unfailing_output()
def top(
    url: Annotated[str, Parameter(help="The server's address.")] = "http://127.0.0.1:8000",
    *,
    token: Annotated[
        str | None,
        Parameter(help="The server's metrics_token; by default $GAMESERVER_METRICS_TOKEN."),
    ] = None,
    every: Annotated[float, Parameter(help="Seconds between two requests.")] = 1.0,
    once: Annotated[bool, Parameter(help="Print the tables once, and end.")] = False,
) -> None:
    """Show the rooms of a running server: load, players behind, slow ticks."""
    if every <= 0:
        raise UsageError("--every must be more than 0")
    known = os.environ.get("GAMESERVER_METRICS_TOKEN", "").split()
    secret = token if token is not None else known[0] if known else None
    console = Console()
    shown = tables(ask(url, secret), url)
    if once or not console.is_terminal:
        console.print(shown)
        return
    try:
        with Live(shown, console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(tables(ask(url, secret), url), refresh=True)
    except KeyboardInterrupt:
        return


def ask(url: str, token: str | None) -> dict[str, Any]:
    """Return the server's answer; ``UsageError`` says why there is none."""
    parts = urllib.parse.urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    kind = kinds.get(parts.scheme)
    if kind is None or not parts.hostname:
        raise UsageError(f"{url!r} is not an address such as http://127.0.0.1:8000")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        connection = kind(parts.hostname, parts.port, timeout=ANSWER_DEADLINE_S)
        try:
            connection.request("GET", PATH, headers=headers)
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UsageError(
            f"{url} does not answer ({why}); name the address of a running server"
        ) from error
    if answer.status != 200:
        why = " ".join(body[:200].decode(errors="replace").split())
        hint = ": give the server's metrics_token with --token" if answer.status == 403 else ""
        raise UsageError(f"{url} answers {answer.status}: {why.rstrip('.')}{hint}")
    try:
        told = json.loads(body)
        tables(told, url)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{url} is no gameserver, or one of another version") from error
    answered: dict[str, Any] = told
    return answered


def tables(told: dict[str, Any], url: str) -> Group:
    """Return a line about the whole server and the two tables."""
    head = Text(
        f"{url}   {told['rooms']} rooms   {told['players']} players   "
        f"computes {told['computed']:.0%} of the time   "
        f"waits for a core {told['waited_for_core']:.0%}   {told['slow_ticks']} slow ticks"
    )
    return Group(head, _rooms(told["busiest"]), _slow(told["slow"][:MOST_SLOW]))


def _rooms(rooms: list[dict[str, Any]]) -> Table:
    table = Table("room", title="Busiest rooms", title_justify="left")
    for name in ("players", "load", "tick ms", "Hz", "level", "pace", "behind"):
        table.add_column(name, justify="right")
    table.add_column("players behind")
    for room in rooms:
        who = ", ".join(
            f"{one['name']} ({one['ticks']} ticks, rtt {_number(one['rtt_ms'])} ms)"
            for one in room["who"]
        )
        cells = [
            room["room"],
            str(room["players"]),
            f"{room['load']:.1%}",
            _number(room["last_ms"]),
            f"{room['tick_rate']:g}",
            str(room["level"]),
            f"{room['pace']:g}",
            str(room["behind"]),
            who,
        ]
        strained = room["level"] > 0 or room["load"] > 0.75
        table.add_row(*map(Text, cells), style="red" if strained else "")
    return table


def _slow(ticks: list[dict[str, Any]]) -> Table:
    table = Table("room", title="Slow ticks, the newest first", title_justify="left")
    for name in ("tick", "s ago", "took ms", "of ms", "late ms", "players"):
        table.add_column(name, justify="right")
    table.add_column("spent on, ms")
    for tick in ticks:
        spent = sorted(tick["spent_ms"].items(), key=lambda item: -item[1])
        cells = [
            tick["room"],
            str(tick["tick"]),
            f"{tick['ago_s']:.0f}",
            _number(tick["work_ms"]),
            _number(tick["budget_ms"]),
            _number(tick["late_ms"]),
            str(tick["players"]),
            ", ".join(f"{stage} {_number(took)}" for stage, took in spent if took > 0),
        ]
        table.add_row(*map(Text, cells))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
