"""The recipe for systemd: a service that is activated by its sockets and upgraded by a reload.

Owns the two units and the file of settings beside them.  Never calls ``systemctl``.
"""

from __future__ import annotations

from gameserver.deploying.game import Game, stop_s
from gameserver.deploying.output import Deployment
from gameserver.deploying.templates import filled


def systemd(game: Game) -> Deployment:
    """Return units for a machine that has the game in /opt, with its ``.venv``."""
    defaults = {"data": f"/var/lib/{game.name}"}
    settings = game.settings(**defaults)
    unit = f"{game.name}.service"
    sockets = {f"{game.name}.socket": ("port", settings.port)}
    if settings.certificate is not None:
        sockets[f"{game.name}-tls.socket"] = ("tls_port", settings.tls_port)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    files = {
        name: filled(
            "systemd/socket",
            {
                "name": game.name,
                "setting": setting,
                "address": f"{host}:{port}",
                "unit": unit,
            },
        )
        for name, (setting, port) in sockets.items()
    }
    files[unit] = filled(
        "systemd/service",
        {
            "name": game.name,
            "unit": game.name,
            "rooms": " ".join(game.rooms),
            "sockets": " ".join(sockets),
            "stop_s": f"{stop_s(settings):.0f}",
        },
    )
    files["settings.toml"] = game.settings_file(**defaults)
    return Deployment(
        files,
        [
            f"have the game and its .venv in /opt/{game.name}",
            f"copy settings.toml to /etc/{game.name}/settings.toml",
            f"copy {' '.join(sockets)} {unit} to /etc/systemd/system",
            f"systemctl daemon-reload && systemctl enable --now {' '.join(sockets)} {unit}",
            f"with a new version in /opt/{game.name}: systemctl reload {game.name}",
        ],
    )
