"""Logs and metrics, for the operators of a server.

Never reads rooms or sockets: the runtime passes plain figures.
"""
