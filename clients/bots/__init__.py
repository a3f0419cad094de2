"""Bots that play the arena, alone or in crowds, for company and for load tests.

Owns how bots fly, and how many processes run them.  Never speaks the protocol by itself.
"""
