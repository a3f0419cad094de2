"""The folder of sockets: where it is, and which nodes in it live."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameserver import Settings
from gameserver.cluster import unix_socket
from gameserver.cluster.host_folder import HostFolder


def test_it_is_in_the_data_folder_or_named_by_the_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert HostFolder.of(Settings(data=tmp_path / "d")).path == tmp_path / "d" / "nodes"
    assert HostFolder.of(Settings(port=81)).path == tmp_path / "gameserver" / "81.nodes"
    assert HostFolder.of(Settings(port=0)).path.name.startswith("process-")


def test_living_and_dead_nodes(tmp_path: Path) -> None:
    folder = HostFolder(tmp_path / "nodes")
    assert folder.living_nodes() == folder.node_numbers() == []
    with unix_socket.bind(folder.node(3)), unix_socket.bind(folder.supervisor):
        unix_socket.bind(folder.node(11)).close()
        assert folder.node_numbers() == [3, 11]
        assert folder.living_nodes() == [3]
    folder.remove()
    folder.remove()
    assert not folder.path.exists()
