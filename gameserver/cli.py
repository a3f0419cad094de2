"""The command line: ``demo``, ``serve``, ``bots``, ``echo`` and ``lab``.

Owns flags, what is printed for people, and turning expected errors into one line and exit code 1.
Never serves or plays by itself: that is ``runtime/server.py``, ``clients/swarm.py`` and
``clients/lab``.
"""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
import os
import pathlib
import re
import secrets
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, NoReturn

import attrs
import structlog
import trio
from cyclopts import App, Parameter
from rich.console import Console

from gameserver.config import (
    Collecting,
    Reading,
    Settings,
    load_settings,
    secrets_of,
    service_variables,
)
from gameserver.errors import GameServerError
from gameserver.games.arena.room import Arena
from gameserver.games.chat import Chat
from gameserver.games.echo import Echo
from gameserver.ops.live import keep_showing, show_figures
from gameserver.ops.logging import LogFormat, LogLevel, configure_logging
from gameserver.ops.output import LossReport, unfailing, unfailing_output
from gameserver.room import Room
from gameserver.runtime.page_folder import refuse_private
from gameserver.runtime.server import Server, serve
from gameserver.runtime.tls import how_to_trust, make_development_certificate, server_context
from gameserver.tokens import Tokens

log = structlog.get_logger(__name__)

#: Where ``demo --tls`` keeps its certificate, so that it need be trusted only once.
DEVELOPMENT_CERTIFICATE: Final = pathlib.Path("~/.gameserver/tls")
#: How long the demo's bots may take to leave, before the server itself stops.
BOTS_GOODBYE_S: Final = 1.0
#: Errors of a write to standard output, where its disk is full or its reader is gone.
UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EPIPE, errno.EIO, errno.EBADF})
#: What is said of hosts that stand for all addresses of one protocol.
ALL_OF: Final = {
    "0.0.0.0": "listening on all addresses of IPv4, and none of IPv6 (--host :: is the reverse)",
    "::": "listening on all addresses of IPv6, and none of IPv4 (--host 0.0.0.0 is the reverse)",
}
DEMO_KINDS: Final[dict[str, type[Room]]] = {"arena": Arena, "chat": Chat, "echo": Echo}

app = App(
    name="gameserver",
    help="An authoritative multiplayer game server.",
    version=lambda: importlib.metadata.version("trio-gameserver"),
)


class UsageError(GameServerError):
    """What was asked for on the command line cannot be."""


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Flags:
    """The settings as flags; None where a flag was not given.

    All of them but secrets, which everyone on the machine could read in the list of processes.
    """

    host: Annotated[str | None, Parameter(help="Address to listen on; 0.0.0.0 for all.")] = None
    port: Annotated[int | None, Parameter(help="For http and ws; 0 for any free port.")] = None
    tls_port: Annotated[int | None, Parameter(help="For https and wss.")] = None
    certificate: Annotated[pathlib.Path | None, Parameter(help="TLS certificate, PEM.")] = None
    key: Annotated[pathlib.Path | None, Parameter(help="Its private key, PEM.")] = None
    page: Annotated[
        pathlib.Path | None, Parameter(help="A folder with a page of your own, for /.")
    ] = None
    grace_s: Annotated[float | None, Parameter(help="How long a shutdown may take.")] = None
    hello_deadline_s: Annotated[
        float | None, Parameter(help="From accepting a connection to its first message.")
    ] = None
    ping_interval_s: Annotated[float | None, Parameter(help="Between ping frames.")] = None
    empty_room_s: Annotated[float | None, Parameter(help="Until an empty room closes.")] = None
    max_rooms: Annotated[int | None, Parameter(help="Most rooms at a time.")] = None
    max_rooms_per_address: Annotated[
        int | None, Parameter(help="Most rooms that one address has opened.")
    ] = None
    rooms_per_s: Annotated[float | None, Parameter(help="Rooms opened a second.")] = None
    max_connections: Annotated[int | None, Parameter(help="Most connections at a time.")] = None
    max_connections_per_address: Annotated[
        int | None, Parameter(help="Most connections of one address.")
    ] = None
    max_joining: Annotated[
        int | None, Parameter(help="Most connections that have not joined a room.")
    ] = None
    connects_per_s: Annotated[
        float | None,
        Parameter(help="Connections a second of one address; a further request is a quarter."),
    ] = None
    joins_per_s: Annotated[float | None, Parameter(help="Players let in a second.")] = None
    trusted: Annotated[
        str | None, Parameter(help="Networks not limited by address; commas between them.")
    ] = None
    proxies: Annotated[
        str | None, Parameter(help="Networks whose X-Forwarded-For is believed.")
    ] = None
    origins: Annotated[
        str | None, Parameter(help="Whose pages may connect; self: the server's own.")
    ] = None
    bots_need_token: Annotated[
        bool | None, Parameter(help="Programs need a token in every room.")
    ] = None
    secret_file: Annotated[
        pathlib.Path | None, Parameter(help="Holds the secrets that sign tokens.")
    ] = None
    token_valid_s: Annotated[float | None, Parameter(help="How old a token may be.")] = None
    metrics_from: Annotated[str | None, Parameter(help="Networks that may read /metrics.")] = None
    seed: Annotated[int | None, Parameter(help="Makes rooms' random numbers repeatable.")] = None
    reading: Annotated[Reading | None, Parameter(help="pump: commands at the tick.")] = None
    collecting: Annotated[
        Collecting | None,
        Parameter(help="young: garbage collections stay small while people play."),
    ] = None
    log_level: Annotated[LogLevel | None, Parameter(help="The least that is logged.")] = None
    log_format: Annotated[LogFormat | None, Parameter(help="auto: text on a terminal.")] = None

    def settings(self, file: pathlib.Path | None, **defaults: Any) -> Settings:
        """Return the settings of ``file``, environment and flags, over ``defaults``."""
        settings = load_settings(defaults=defaults, file=file, flags=attrs.asdict(self))
        if settings.page is not None:
            refuse_private(settings.page, [file])
        return settings


ConfigFile = Annotated[pathlib.Path | None, Parameter(help="A TOML file of settings.")]


# ---------------------------------------------------------------- commands


@app.command
@unfailing_output()
def demo(
    *,
    bots: Annotated[int, Parameter(help="How many bots play in the arena.")] = 12,
    fill: Annotated[bool, Parameter(help="Each person who joins replaces a bot.")] = True,
    tls: Annotated[bool, Parameter(help="Also https and wss, with a certificate made here.")] = (
        False
    ),
    config: ConfigFile = None,
    flags: Flags = Flags(),
) -> None:
    """Serve the arena, with bots to play against, and the page to play it on."""
    if bots < 0:
        raise UsageError("--bots: at least 0")
    console = Console()
    defaults: dict[str, Any] = {"log_level": "warning"}
    if tls:
        paths = make_development_certificate(DEVELOPMENT_CERTIFICATE.expanduser())
        defaults |= {"certificate": paths.certificate, "key": paths.key}
        console.print(how_to_trust(paths), markup=False, highlight=False)
    settings = flags.settings(config, **defaults)

    async def accompany(server: Server) -> None:
        async with trio.open_nursery() as nursery:
            if bots:
                nursery.start_soon(
                    partial(_run_bots_beside, server, bots, fill=fill, console=console)
                )
            await show_figures(console, server.figures, "arena")

    _serve(DEMO_KINDS, settings, console, accompany)


@app.command(name="serve")
@unfailing_output()
def serve_command(
    *rooms: Annotated[str, Parameter(help="Rooms as module:Class; the first is the default.")],
    config: ConfigFile = None,
    flags: Flags = Flags(),
) -> None:
    """Serve your own rooms, found from the working directory."""
    if not rooms:
        raise UsageError("name a room to serve, as in: gameserver serve mygame:MyRoom")
    kinds = load_rooms(rooms)
    _serve(kinds, flags.settings(config), Console())


@app.command(name="bots")
@unfailing_output()
def bots_command(
    url: str,
    *,
    count: Annotated[int, Parameter(help="How many bots.")] = 10,
    room: Annotated[str, Parameter(help="The room that they ask for.")] = "arena",
    processes: Annotated[
        int | None,
        Parameter(help="Spread them over so many; by default one for each 50, as cores allow."),
    ] = None,
    seed: Annotated[int | None, Parameter(help="Makes what they decide repeatable.")] = None,
    duration: Annotated[float | None, Parameter(help="Seconds to play; else until Ctrl-C.")] = None,
    fill: Annotated[bool, Parameter(help="Each person who joins replaces a bot.")] = False,
    ca_file: Annotated[pathlib.Path | None, Parameter(help="Whom to trust for wss, PEM.")] = None,
    profile: Annotated[
        str, Parameter(help="Links of the lab that they share, as in mobile,train,150ms.")
    ] = "",
    attached: Annotated[bool, Parameter(help="End when standard input does.")] = False,
) -> None:
    """Have bots play on a server: for company, or as a load."""
    from clients.swarm import run_bots

    code = run_bots(
        url,
        count=count,
        room=room,
        processes=processes,
        seed=seed,
        fill_to=count if fill else None,
        ca_file=ca_file,
        profiles=profile,
        duration_s=duration,
        attached=attached,
    )
    sys.exit(code)


@app.command(name="token")
def token_command(
    identity: Annotated[str, Parameter(help="Whom the token stands for.")],
    *,
    secret_file: Annotated[
        pathlib.Path | None, Parameter(help="Holds the secrets; else GAMESERVER_SECRET does.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Print a token for one sign-in, as a login service would issue it: for development."""
    settings = load_settings(file=config, flags={"secret_file": secret_file})
    known = secrets_of(settings)
    if not known:
        raise UsageError(
            "there is no secret to sign with; set GAMESERVER_SECRET or give --secret-file. "
            "To make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    # For scripts: nothing but the token.
    print(Tokens(known).issue(identity), flush=True)  # noqa: T201


@app.command(name="echo")
@unfailing_output()
def echo_command(
    *,
    port: Annotated[int, Parameter(help="For ws; 0 for any free port.")] = 8000,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    tls: Annotated[bool, Parameter(help="Also wss, with a certificate made here.")] = False,
    tls_port: Annotated[int, Parameter(help="For wss.")] = 8443,
) -> None:
    """Return every message on every path, up to 16 MiB: for conformance tools, on loopback."""
    from gameserver.runtime.echo_server import serve_echo

    console = Console()
    context = None
    if tls:
        paths = make_development_certificate(DEVELOPMENT_CERTIFICATE.expanduser())
        console.print(how_to_trust(paths), markup=False, highlight=False)
        context = server_context(paths.certificate, paths.key)

    def tell(addresses: list[str]) -> None:
        for address in addresses:
            console.print(f"open {address}", markup=False, highlight=False, soft_wrap=True)

    configure_logging("warning", "auto")
    trio.run(partial(serve_echo, host, port, tell, tls_port=tls_port, ssl_context=context))


@app.command
@unfailing_output()
def lab(
    *,
    profile: Annotated[
        str,
        Parameter(help="lan, cable, mobile, bad-wifi, other-continent, train, or e.g. 150ms."),
    ],
    to: Annotated[str, Parameter(help="The server: a port of this machine, or host:port.")],
    listen: Annotated[str, Parameter(help="Where players connect instead; 0: any port.")] = "0",
    seed: Annotated[str | None, Parameter(help="Makes delays and stalls repeatable.")] = None,
) -> None:
    """Put a bad network in front of a server: delay, jitter, a slow link, stalls."""
    from clients.lab.profiles import profile_of
    from clients.lab.proxy import Endpoint
    from clients.lab.running import run_lab

    console = Console()
    run_lab(
        profile_of(profile),
        listen=Endpoint.from_text(listen),
        to=Endpoint.from_text(to),
        seed=secrets.token_hex(4) if seed is None else seed,
        say=partial(console.print, markup=False, highlight=False, soft_wrap=True),
        show=partial(keep_showing, console),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default that of the process; the console script ``gameserver``."""
    try:
        app(arguments)
    except GameServerError as error:
        _fail(str(error))
    except OSError as error:
        # Only of what prints its answer and ends: other commands drop what cannot be printed.
        if error.errno not in UNWRITABLE or error.filename is not None:
            raise
        _abandon_output()
        _fail(f"cannot write to standard output: {error.strerror}")


def _fail(why: str) -> NoReturn:
    with unfailing_output():
        console = Console(stderr=True)
        console.print(f"gameserver: {why}", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def _abandon_output() -> None:
    """Forget what standard output still holds, which Python would try to write again at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


# ---------------------------------------------------------------- rooms by name


def load_rooms(targets: Sequence[str]) -> dict[str, type[Room]]:
    """Return the rooms that ``module:Class`` name, by kind: the class name in lower case.

    Modules are found from the working directory first.  ``UsageError`` says what is not there.
    """
    here = str(pathlib.Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    kinds: dict[str, type[Room]] = {}
    for target in targets:
        room = _load_room(target, here)
        kind = room.__name__.lower()
        if kind in kinds:
            raise UsageError(f"two rooms are both called {kind}")
        kinds[kind] = room
    return kinds


def _load_room(target: str, here: str) -> type[Room]:
    module_name, colon, class_name = target.partition(":")
    if module_name.endswith(".py"):
        meant = module_name.removesuffix(".py").replace("/", ".")
        raise UsageError(f"{target!r} names a file; name the module: {meant}:{class_name}")
    if not (re.fullmatch(r"\w+(\.\w+)*", module_name) and colon and class_name.isidentifier()):
        raise UsageError(f"{target!r} is not of the form module:Class, as in mygame:MyRoom")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there; what it imports is not
        raise UsageError(f"there is no module {module_name} in {here}") from error
    room = getattr(module, class_name, None)
    if room is None:
        names = [n for n, v in vars(module).items() if _is_room(v)]
        there = f"; it has {', '.join(names)}" if names else ""
        raise UsageError(f"{module_name} has no room {class_name}{there}")
    if not _is_room(room):
        raise UsageError(f"{target} is not a subclass of gameserver.Room")
    return room  # type: ignore[no-any-return]


def _is_room(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Room) and value is not Room


# ---------------------------------------------------------------- serving


def _serve(
    kinds: Mapping[str, type[Room]],
    settings: Settings,
    console: Console,
    accompany: Callable[[Server], Awaitable[None]] | None = None,
) -> None:
    """Serve until a signal, with ``accompany`` beside it."""
    configure_logging(settings.log_level, settings.log_format)
    if ignored := service_variables(os.environ):
        log.info("variables that Kubernetes sets for services are no settings", ignored=ignored)

    async def beside(server: Server) -> None:
        for line in (*_addresses(server), *_whose_page(server)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(LossReport(unfailing(sys.stdout)).run)
            if accompany is not None:
                await accompany(server)

    trio.run(serve, kinds, settings, beside)


async def _run_bots_beside(server: Server, count: int, *, fill: bool, console: Console) -> None:
    """Run the bots in a process of their own, so that the simulation has its core."""
    command = [sys.executable, "-m", "gameserver", "bots", f"ws://{_host(server)}:{server.port}/"]
    command += ["--count", str(count), "--fill" if fill else "--no-fill", "--attached"]
    # Should this process be killed, the pipe ends, and with it the bots.
    ours, theirs = os.pipe()
    try:
        # In a session of its own: Ctrl-C is for the server, which then ends the bots.
        done = await trio.run_process(
            command,
            check=False,
            stdin=ours,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            deliver_cancel=_end_bots,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    console.print(f"the bots ended, with exit code {done.returncode}")


async def _end_bots(process: trio.Process) -> None:
    process.terminate()
    await trio.sleep(BOTS_GOODBYE_S)
    process.kill()


def _host(server: Server) -> str:
    """Return the host under which this machine reaches the server."""
    host = server.settings.host
    if host == "0.0.0.0":
        return "localhost"
    if host == "::":  # which takes no IPv4, as localhost may be
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _addresses(server: Server) -> list[str]:
    """Return the lines that tell where to go, the best first."""
    lines = [f"open http://{_host(server)}:{server.port}/"]
    if server.tls_port is not None:
        lines.insert(0, f"open https://{_host(server)}:{server.tls_port}/")
    if server.settings.host in ALL_OF:
        lines.append(ALL_OF[server.settings.host])
    return lines


def _whose_page(server: Server) -> list[str]:
    """Return a line for those who serve a game that the page at that address cannot show."""
    kinds = server.lobby.kinds
    if server.settings.page is not None or any(
        issubclass(server.lobby.room_class(kind), Arena) for kind in kinds
    ):
        return []
    return [f"rooms: {', '.join(kinds)}; the page is the arena's, --page serves your own"]
