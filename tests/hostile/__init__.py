"""Attacks over real sockets, with honest clients beside them.  A package."""
