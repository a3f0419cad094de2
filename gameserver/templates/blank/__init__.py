"""A game of gameserver.  Play it: ``gameserver dev mygame:Game``."""

from gameserver.templates.blank.room import Game

__all__ = ["Game"]
