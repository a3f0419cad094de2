"""A room as a value: everything that decides its future, between two ticks.

Pure: nothing in here waits, reads a clock, or touches a file or a socket.
"""
