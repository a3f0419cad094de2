"""What the hostile internet does, over real sockets, with honest clients beside it.  A package."""
