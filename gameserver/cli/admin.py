"""``gameserver admin``: the actions of an operator, from a terminal.

Owns the command's arguments and output; the server carries the action out.  It is asked over its
admin port, with the token of an operator from the environment or a file, never from a flag.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import re
import urllib.parse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gameserver.cli.errors import UsageError
from gameserver.config import ConfigError, Settings, admin_tokens_in, load_settings
from gameserver.ops.output import unfailing_output

ANSWER_DEADLINE_S: Final = 30.0
#: The longest answer that is read.
MOST_BYTES: Final = 64 << 20
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
#: The columns of the table of an action; ``--json`` has everything.
_COLUMNS: Final = {
    "rooms": ("node", "room", "players", "load", "last_ms", "level", "behind", "locked"),
    "players": ("room", "seat", "name", "identity", "address", "rtt_ms"),
    "penalties": ("kind", "subject", "until_s", "reason", "operator"),
    "audit": ("at_s", "operator", "action", "arguments", "result"),
    "reports": ("id", "at_s", "room", "about", "reason", "closed_by"),
}


@unfailing_output()
def admin(
    action: Annotated[
        str,
        Parameter(
            help="nodes, rooms, players, inspect, kick, ban, unban, mute, unmute, lock, unlock, "
            "announce, move, drain, penalties, reports, close-report or audit."
        ),
    ],
    *,
    room: Annotated[str | None, Parameter(help="The room, as kind/name.")] = None,
    seat: Annotated[int | None, Parameter(help="The seat of a player.")] = None,
    identity: Annotated[str | None, Parameter(help="An identity.")] = None,
    address: Annotated[str | None, Parameter(help="An address, or a network.")] = None,
    duration: Annotated[
        str | None, Parameter(name="--for", help="How long: 30m, 12h, 7d; by default, without end.")
    ] = None,
    reason: Annotated[str | None, Parameter(help="What the player is told.")] = None,
    text: Annotated[str | None, Parameter(help="The text of an announcement.")] = None,
    to: Annotated[str | None, Parameter(help="The room to move a player to.")] = None,
    node: Annotated[str | None, Parameter(help="The node to drain; by default, all.")] = None,
    report: Annotated[int | None, Parameter(help="The number of a report.")] = None,
    limit: Annotated[int | None, Parameter(help="Most lines of audit or reports.")] = None,
    before: Annotated[int | None, Parameter(help="Only those with a smaller number.")] = None,
    url: Annotated[str, Parameter(help="The server's admin port.")] = "http://127.0.0.1:8900",
    token_file: Annotated[
        pathlib.Path | None,
        Parameter(help="File with your token; by default $GAMESERVER_ADMIN_TOKEN."),
    ] = None,
    as_json: Annotated[
        bool, Parameter(name="--json", help="Print the answer as JSON.", negative="")
    ] = False,
) -> None:
    """Do what an operator may do on a running server: look, kick, ban, mute, lock, announce."""
    arguments: dict[str, Any] = {
        name: value
        for name, value in {
            "room": room,
            "seat": seat,
            "identity": identity,
            "address": address,
            "for_s": None if duration is None else seconds_in(duration),
            "reason": reason,
            "text": text,
            "to": to,
            "node": node,
            "report": report,
            "limit": limit,
            "before": before,
        }.items()
        if value is not None
    }
    result = ask(url, _token(token_file), action, arguments)
    console = Console()
    if as_json or isinstance(result, dict):
        console.print_json(json.dumps(result))
    elif isinstance(result, list):
        console.print(_table(action, result))
    else:
        console.print(Text(str(result)), soft_wrap=True)


def seconds_in(text: str) -> float:
    """Return the seconds of a duration such as ``12h``."""
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise UsageError(f"--for: {text!r} is no duration, such as 30m, 12h or 7d")
    return sum(float(count) * _UNITS_S[unit] for count, unit in parts)


def _token(file: pathlib.Path | None) -> str:
    """Return the operator's token."""
    if file is not None:
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}") from error
    else:
        settings = _settings_of_tokens()
        text = settings.admin_token or ""
        if settings.admin_token_file is not None:
            return _token(settings.admin_token_file)
    try:
        return next(iter(admin_tokens_in(text)))
    except ValueError:
        raise UsageError(
            "give the token of an operator: in GAMESERVER_ADMIN_TOKEN, or with --token-file"
        ) from None


def _settings_of_tokens() -> Settings:
    names = ("GAMESERVER_ADMIN_TOKEN", "GAMESERVER_ADMIN_TOKEN_FILE")
    known = {name: os.environ[name] for name in names if name in os.environ}
    try:
        return load_settings(environment=known)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def ask(url: str, token: str, action: str, arguments: dict[str, Any]) -> Any:
    """Have a server carry out an action; ``UsageError`` says why it did not."""
    parts = urllib.parse.urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    kind = kinds.get(parts.scheme)
    if kind is None or not parts.hostname:
        raise UsageError(f"{url!r} is not an address such as http://127.0.0.1:8900")
    try:
        connection = kind(parts.hostname, parts.port, timeout=ANSWER_DEADLINE_S)
        try:
            connection.request(
                "POST",
                f"/api/{urllib.parse.quote(action, safe='')}",
                body=json.dumps(arguments),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UsageError(
            f"{url} does not answer ({why}); the server must have an admin token, and --url name "
            "its admin port"
        ) from error
    if answer.status == 404:
        raise UsageError(f"there is no action {action!r}; gameserver admin --help names them")
    try:
        told = json.loads(body)
        if answer.status == 200:
            return told["result"]
        why = str(told["error"])
    except (ValueError, KeyError, TypeError):
        why = f"{answer.status} {' '.join(body[:200].decode(errors='replace').split())}"
    raise UsageError(why)


def _table(action: str, rows: Sequence[Any]) -> Table | Text:
    if not rows:
        return Text(f"no {action}")
    if not isinstance(rows[0], dict):
        return Text("\n".join(str(row) or "(this server)" for row in rows))
    table = Table()
    names = _COLUMNS.get(action, tuple(rows[0]))
    for name in names:
        table.add_column(name.removesuffix("_s"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(name, row.get(name))) for name in names))
    return table


def _cell(name: str, value: Any) -> str:
    if name in ("at_s", "until_s"):
        when = None if value is None else datetime.fromtimestamp(value, UTC)
        return "without end" if when is None else f"{when:%Y-%m-%d %H:%M:%S}"
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value)
