"""Many lives of players, good and bad, for long: see ``benchmarks/studies/soak.py``."""
