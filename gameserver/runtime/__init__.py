"""The shell: time, tasks and sockets (Trio) around the pure rooms and wire.

Nothing here decides what happens in a game; nothing outside of here waits.
"""
