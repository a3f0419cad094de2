"""One file per subcommand of ``python -m benchmarks``: what it runs, and what it prints."""
