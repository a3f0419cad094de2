"""The folder of a server: one server at a time, and a secret that stays."""

from __future__ import annotations

import stat
from pathlib import Path

import attrs
import pytest

from gameserver import Room, Settings
from gameserver.config import secrets_of
from gameserver.runtime.data_folder import (
    DataFolder,
    DataFolderError,
    keeps_in_storage,
    lock_data,
    owner_of,
)


class Kept(Room):
    classes = ()
    durable = True


def test_one_server_at_a_time(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path / "data")
    with pytest.raises(DataFolderError, match="another server uses it"):
        DataFolder.open(tmp_path / "data")
    folder.close()
    folder.close()
    DataFolder.open(tmp_path / "data").close()


def test_a_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    with_data = Settings(data=tmp_path / "data")
    with lock_data(with_data, {"kept": Kept}) as (first, _):
        made = secrets_of(first)
    with lock_data(with_data, {"kept": Kept}) as (second, _):
        assert secrets_of(second) == made
    assert len(made[0]) >= 32
    file = tmp_path / "data" / "secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_secret_that_is_set_is_used(tmp_path: Path) -> None:
    given = Settings(data=tmp_path / "data", secret="x" * 40)
    with lock_data(given, {"kept": Kept}) as (settings, _):
        assert settings.secret == "x" * 40
    assert not (tmp_path / "data" / "secret").exists()


def test_a_damaged_secret_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    with (
        pytest.raises(DataFolderError, match="must hold at least 32"),
        lock_data(Settings(data=tmp_path), {}),
    ):
        pass
    assert (tmp_path / "secret").read_text() == "short\n"


def test_a_database_is_in_the_folder_unless_another_is_set(tmp_path: Path) -> None:
    with lock_data(Settings(data=tmp_path), {}) as (settings, _):
        assert settings.storage == f"sqlite:{tmp_path / 'storage.db'}"
    with lock_data(Settings(data=tmp_path, storage="postgresql://x/y"), {}) as (settings, _):
        assert settings.storage == "postgresql://x/y"


def test_a_durable_room_needs_a_folder() -> None:
    with (
        pytest.raises(DataFolderError, match="Kept is durable: give the server a folder"),
        lock_data(Settings(), {"kept": Kept}),
    ):
        pass


def test_a_durable_room_in_a_shared_storage_needs_one_secret() -> None:
    shared = Settings(storage="postgresql://x/y")
    with (
        pytest.raises(DataFolderError, match="Kept is durable: give all servers one secret"),
        lock_data(shared, {"kept": Kept}),
    ):
        pass
    with lock_data(attrs.evolve(shared, secret="x" * 40), {"kept": Kept}) as (settings, _):
        assert keeps_in_storage(settings)


def test_a_server_keeps_its_name_with_its_folder(tmp_path: Path) -> None:
    with lock_data(Settings(data=tmp_path / "data"), {}) as (settings, _):
        owner = owner_of(settings)
        assert owner_of(settings) == owner
    assert len({owner, owner_of(Settings()), owner_of(Settings())}) == 3


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match=r"data folder .*file/data: "):
        DataFolder.open(tmp_path / "file" / "data")
