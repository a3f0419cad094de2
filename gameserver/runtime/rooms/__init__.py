"""Rooms as they run: their ticks, their seats, and what they give up when overloaded.

Owns the life of a room in the server's nursery.  Never reads from a socket itself.
"""
