"""The network lab: any link between a player and a server, on one machine.

``recovery.py`` and ``conditioner.py`` (pure) are what a TCP connection does to bytes and times.
``path.py`` (pure) is a link, and ``profiles.py`` (pure) names some worth trying.  ``pipe.py`` and
``stream.py`` put one under a Trio stream, ``proxy.py`` in front of any server.
"""
