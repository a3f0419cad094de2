"""A game of gameserver.  Play it: ``gameserver dev mygame:Game``."""

from gameserver.templates.chat.room import Game

__all__ = ["Game"]
