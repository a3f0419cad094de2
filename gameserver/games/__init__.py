"""The games that ship with the server: the arena (the demo), capture, chat and echo."""
