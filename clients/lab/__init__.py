"""The network lab: any link between a player and a server, on one machine.

``conditioner.py`` (pure) is what a TCP connection does to bytes and times, ``profiles.py`` (pure)
names links worth trying, ``pipe.py`` and ``stream.py`` put them under a Trio stream, ``proxy.py``
in front of any server.
"""
