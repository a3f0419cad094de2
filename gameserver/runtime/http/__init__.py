"""HTTP on the game's port: accepting connections, requests, answers, and upgrades.

Owns a connection until it is answered or has become a WebSocket.  Never knows rooms or players.
"""
