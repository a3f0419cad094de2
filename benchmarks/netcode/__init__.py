"""Measuring what a player sees and hits over a bad link: the parts of ``studies/netcode.py``."""
