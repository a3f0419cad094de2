"""What the people who run a server look at: logs and metrics.

Nothing here reaches into rooms or sockets; the runtime hands over plain figures.
"""
