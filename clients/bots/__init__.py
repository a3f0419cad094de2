"""Bots that play the arena, alone or in swarms, as company for players and for load tests.

Owns how bots fly, and the processes that run them.  Never speaks the protocol itself.
"""
