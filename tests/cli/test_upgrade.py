"""``gameserver upgrade`` where there is nothing that it could upgrade."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from gameserver.cli.upgrade import upgrade
from gameserver.cluster import unix_socket
from gameserver.cluster.control import ControlError
from gameserver.cluster.host_folder import HostFolder
from gameserver.config import Settings


def test_nodes_cannot_be_upgraded_in_place(tmp_path: Path) -> None:
    node = HostFolder.of(Settings(data=tmp_path)).node(0)
    with (
        contextlib.closing(unix_socket.bind(node)),
        pytest.raises(ControlError, match=r"^nodes cannot be upgraded in place; restart"),
    ):
        upgrade(data=tmp_path)


def test_no_server_answers(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no server answers there"):
        upgrade(data=tmp_path)
