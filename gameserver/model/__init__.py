"""What a game world is: declared classes, entities, and who is near whom.

Pure: no Trio, no sockets, no clock.  Imports only ``gameserver.errors``.
"""
