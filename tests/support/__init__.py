"""Shared parts of the tests: small games, clients, servers, and clocks of their own."""
