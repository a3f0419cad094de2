"""The world of a game: declared classes, entities, and which of them are near each other.

Pure: no Trio, no sockets, no clock.  Imports only ``gameserver.errors``.
"""
