"""``gameserver token``: a sign-in token, for development.

Owns the command's arguments and its one line of output; ``gameserver/tokens.py`` signs.
"""

from __future__ import annotations

import pathlib
from typing import Annotated

from cyclopts import Parameter

from gameserver.cli.errors import UsageError
from gameserver.cli.flags import ConfigFile
from gameserver.config import load_settings, secrets_of
from gameserver.tokens import Tokens


def token(
    identity: Annotated[str, Parameter(help="The identity in the token.")],
    *,
    secret_file: Annotated[
        pathlib.Path | None, Parameter(help="File of secrets; by default GAMESERVER_SECRET.")
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
    # Scripts read this output, so it is only the token.
    print(Tokens(known).issue(identity), flush=True)  # noqa: T201
