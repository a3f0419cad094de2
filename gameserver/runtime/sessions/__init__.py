"""One player's task, from hello to goodbye.

Owns the order of a session's messages.  Never runs a tick.
"""
