"""The games that ship with the server: the arena (the demo), chat and echo."""
