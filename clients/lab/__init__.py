"""The network lab: any link between a player and a server, on one machine.

``recovery.py`` and ``conditioner.py`` (pure) model a TCP connection over a link.  ``path.py``
(pure) is a link, and ``profiles.py`` (pure) has some by name.  ``pipe.py`` and ``stream.py`` put a
link under a Trio stream; ``proxy.py`` puts one in front of any server.
"""
