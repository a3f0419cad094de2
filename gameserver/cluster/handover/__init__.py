"""Handover: rooms, seats and open sockets go from one process of a host to another."""
