"""A game of gameserver.  Play it: ``gameserver dev mygame:Game``."""

from gameserver.templates.arena.room import Game

__all__ = ["Game"]
