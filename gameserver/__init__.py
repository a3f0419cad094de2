"""An authoritative multiplayer game server on Trio."""
