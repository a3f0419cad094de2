"""The directory: which node has which room.

``contract.py`` declares the operations and ``listings.py`` the values that they take and return;
``memory.py`` holds a directory in one process, for the nodes of one host.
"""
