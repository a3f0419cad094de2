"""Attacks on a real server while honest players play: see ``benchmarks/studies/hostile.py``."""
