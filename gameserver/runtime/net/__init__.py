"""Sockets: links with their fast paths, the poller, TLS, ping frames, WebSocket.

Owns everything between the kernel and whole messages.  Never knows rooms or players.
"""
