"""Limits on what may come in: connections, joins and rooms, and who must sign in.

Owns counting and deciding.  Never reads from or writes to a connection.
"""
