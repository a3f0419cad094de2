"""The games that ship: arena (the demo), chat, and their declared classes."""
