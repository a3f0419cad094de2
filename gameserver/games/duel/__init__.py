"""Duels between players of about the same rank: the example of matchmaking."""

from gameserver.games.duel.room import Duel, Ranked

__all__ = ["Duel", "Ranked"]
