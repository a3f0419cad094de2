"""Scripts for the pure parts of the clients' netcode, which Python and JavaScript both play.

``python -m tests.support.netcode_vectors`` writes ``vectors/netcode_*.json``; their form is in
``vectors/README.md``.  Times in the files are milliseconds, for JavaScript's sake.
"""
