"""The engine's half of a room: it seats players, queues commands and calls the game's hooks.

Pure: no Trio, no sockets, no clock.
"""
