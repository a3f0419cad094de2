"""The server of ``gameserver dev``: the page as it is now, and the channel of its pages.

The channel shows every room's whole world and log to anybody who connects, without a token.  It is
an endpoint of this class alone, which listens on loopback addresses only: ``Server``, and with it
``gameserver serve``, has no code for it.
"""

from __future__ import annotations

import ipaddress
import pathlib
from collections.abc import Mapping
from typing import Any, Final

from gameserver.config import Settings
from gameserver.ops.whole_world import world_of
from gameserver.room import Room
from gameserver.runtime.http.assets import Assets, web_client
from gameserver.runtime.http.endpoint import Endpoint
from gameserver.runtime.http.page_folder import PageError, page_files
from gameserver.runtime.server import Server, StartError
from gameserver.runtime.surroundings import Surroundings
from gameserver.workshop.channel import Channel
from gameserver.workshop.live_page import LivePage

#: The path of the channel.
PATH: Final = "/dev"


class DevServer(Server):
    """A server for one machine, whose pages see everything."""

    def __init__(
        self,
        kinds: Mapping[str, type[Room]],
        settings: Settings,
        surroundings: Surroundings[Server] | None = None,
    ) -> None:
        if not _is_loopback(settings.host):
            raise StartError(
                f"dev shows every world to everybody who reaches it, so it serves this machine "
                f"only, not {settings.host}; gameserver serve is for others"
            )
        self.channel: Final = Channel(self._world)
        self._page: Mapping[str, pathlib.Path] | None = None
        super().__init__(kinds, settings, surroundings)

    def page_changed(self) -> None:
        """Look anew at which files the page has."""
        self._page = None

    def _other_endpoints(self) -> dict[str, Endpoint]:
        return {**super()._other_endpoints(), PATH: Endpoint(handler=self.channel.join)}

    def _assets(self) -> Assets:
        return LivePage(web_client(), self._page_files)

    def _page_files(self) -> Mapping[str, pathlib.Path]:
        settings = self.settings
        if settings.page is None:
            return {}
        if self._page is None:
            try:
                self._page = page_files(settings.page, (settings.key, settings.secret_file))
            except PageError:
                self._page = {}  # its index.html is being written
        return self._page

    def _world(self, label: str) -> dict[str, Any] | None:
        for _, task in self.lobby.rooms:
            if task.label == label:
                return {"room": label, **world_of(task.room)}
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
