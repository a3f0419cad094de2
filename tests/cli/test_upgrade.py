"""``gameserver upgrade`` and ``gameserver drain`` where no server answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameserver.cli.drain import drain
from gameserver.cli.upgrade import upgrade
from gameserver.cluster.control import ControlError


def test_no_server_answers(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no server answers there"):
        upgrade(data=tmp_path)
    with pytest.raises(ControlError, match="no server answers there"):
        drain("n1", data=tmp_path)
