"""The other servers: the same worlds, each in its own way; see ../README.md."""
