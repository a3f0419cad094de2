"""Tests of the whole: real processes, real sockets, real clients.  A package, as tests/arena is."""
