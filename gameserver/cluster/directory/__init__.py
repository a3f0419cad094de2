"""The directory: which node has which room.

``contract.py`` declares the operations and ``listings.py`` the values that they take and return.
``memory.py`` holds a directory in one process, for the nodes of one host.  ``redis.py`` is one on
Redis or Valkey, for several hosts: ``redis_link.py`` has the connection, ``lua/`` the scripts,
``encoding.py`` the form of the values there, and ``addresses.py`` reads the setting.
"""
