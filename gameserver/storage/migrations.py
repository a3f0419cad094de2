"""The tables of storage, and the steps from each former version of them to the newest.

Owns the statements that make tables.  Migrations only go forward: a database that is newer than
this code is refused, never changed.
"""

from __future__ import annotations

from typing import Final

from gameserver.storage.database import Transaction, only
from gameserver.storage.errors import StorageRefused

#: Entry n leads from version n to n + 1.  An entry is never changed once it was released.
STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE gameserver_objects (
            collection {text} NOT NULL, owner {text} NOT NULL, key {text} NOT NULL,
            value {blob} NOT NULL, version {integer} NOT NULL,
            PRIMARY KEY (collection, owner, key))""",
        """CREATE TABLE gameserver_boards (
            board {text} NOT NULL, period {integer} NOT NULL, next_seq {integer} NOT NULL,
            PRIMARY KEY (board, period))""",
        """CREATE TABLE gameserver_scores (
            board {text} NOT NULL, period {integer} NOT NULL, owner {text} NOT NULL,
            score {integer} NOT NULL, place {integer} NOT NULL, seq {integer} NOT NULL,
            name {text} NOT NULL,
            PRIMARY KEY (board, period, owner))""",
        """CREATE UNIQUE INDEX gameserver_places
            ON gameserver_scores (board, period, place, seq)""",
        """CREATE TABLE gameserver_blocks (
            board {text} NOT NULL, period {integer} NOT NULL,
            place {integer} NOT NULL, seq {integer} NOT NULL, size {integer} NOT NULL,
            PRIMARY KEY (board, period, place, seq))""",
        """CREATE TABLE gameserver_matches (
            id {serial} PRIMARY KEY, kind {text} NOT NULL, room {text} NOT NULL,
            began_s {real} NOT NULL, ended_s {real} NOT NULL,
            result {blob} NOT NULL, journal {text} NOT NULL)""",
        """CREATE TABLE gameserver_match_players (
            owner {text} NOT NULL, match {integer} NOT NULL, PRIMARY KEY (owner, match))""",
        "CREATE INDEX gameserver_players ON gameserver_match_players (match)",
        """CREATE TABLE gameserver_fences (
            room {text} PRIMARY KEY, fence {integer} NOT NULL)""",
        """CREATE TABLE gameserver_checkpoints (
            room {text} PRIMARY KEY, fence {integer} NOT NULL, tick {integer} NOT NULL,
            snapshot {blob} NOT NULL)""",
        """CREATE TABLE gameserver_journals (
            room {text} NOT NULL, fence {integer} NOT NULL, part {integer} NOT NULL,
            data {blob} NOT NULL, PRIMARY KEY (room, fence, part))""",
        """CREATE TABLE gameserver_writers (
            writer {text} PRIMARY KEY, batch {integer} NOT NULL)""",
    ),
    (
        """CREATE TABLE gameserver_owners (
            owner {text} PRIMARY KEY, until_s {real} NOT NULL)""",
        "ALTER TABLE gameserver_fences ADD COLUMN owner {text}",
    ),
    (
        """CREATE TABLE gameserver_penalties (
            kind {text} NOT NULL, subject_kind {text} NOT NULL, subject {text} NOT NULL,
            until_s {real}, reason {text} NOT NULL, operator {text} NOT NULL,
            since_s {real} NOT NULL, PRIMARY KEY (kind, subject_kind, subject))""",
        """CREATE TABLE gameserver_audit (
            id {serial} PRIMARY KEY, at_s {real} NOT NULL, operator {text} NOT NULL,
            came_from {text} NOT NULL, action {text} NOT NULL, arguments {blob} NOT NULL,
            result {text} NOT NULL)""",
        """CREATE TABLE gameserver_reports (
            id {serial} PRIMARY KEY, at_s {real} NOT NULL, room {text} NOT NULL,
            tick {integer} NOT NULL, said_by {blob} NOT NULL, about {blob} NOT NULL,
            reason {text} NOT NULL, texts {blob} NOT NULL, journal {text} NOT NULL,
            closed_by {text} NOT NULL)""",
    ),
)
#: The version that this code reads and writes.
VERSION: Final = len(STEPS)


def migrate(transaction: Transaction, where: str) -> None:
    """Bring the tables of a database to ``VERSION``; ``where`` names it in errors."""
    transaction.rows(
        "CREATE TABLE IF NOT EXISTS gameserver_storage (version {integer} PRIMARY KEY)"
    )
    version = only(transaction.rows("SELECT max(version) FROM gameserver_storage")) or 0
    if version > VERSION:
        raise StorageRefused(
            f"{where}: its tables have version {version}, and this server knows {VERSION}: "
            "start the newer server"
        )
    for step in STEPS[version:]:
        for statement in step:
            transaction.rows(statement)
    if version < VERSION:
        transaction.rows("DELETE FROM gameserver_storage")
        transaction.rows("INSERT INTO gameserver_storage VALUES (:version)", version=VERSION)
