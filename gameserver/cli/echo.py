"""``gameserver echo``: a server that returns every message, for conformance tools.

Owns the command's arguments only; ``runtime/echo_server.py`` answers.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import trio
from cyclopts import Parameter
from rich.console import Console

from gameserver.cli.demo import DEVELOPMENT_CERTIFICATE
from gameserver.ops.logging import configure_logging
from gameserver.ops.output import unfailing_output
from gameserver.runtime.echo_server import serve_echo
from gameserver.runtime.net.tls import how_to_trust, make_development_certificate, server_context


@unfailing_output()
def echo(
    *,
    port: Annotated[int, Parameter(help="For ws; 0 for any free port.")] = 8000,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    tls: Annotated[bool, Parameter(help="Also wss, with a certificate made here.")] = False,
    tls_port: Annotated[int, Parameter(help="For wss.")] = 8443,
) -> None:
    """Return every message on every path, up to 16 MiB: for conformance tools, on loopback."""
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
