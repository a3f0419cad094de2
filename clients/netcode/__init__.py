"""Netcode of a client: the server's clock, lead, prediction, interpolation.

Pure: no sockets, no tasks, no clock; time is an argument.  Vectors hold it equal to the
browser's twin under ``clients/web/net``.
"""
