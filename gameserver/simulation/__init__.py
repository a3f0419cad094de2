"""The engine's half of a room: what the server does with the room that a game author wrote.

Pure: no Trio, no sockets, no clock.
"""
