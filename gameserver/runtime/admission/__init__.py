"""Admission limits: connections, joins, rooms, and players who must sign in.

Owns counting and deciding.  Never reads from or writes to a connection.
"""
