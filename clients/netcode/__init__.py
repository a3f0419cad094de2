"""The netcode of a client: tick clock, lead, prediction, interpolation.

Pure: no sockets, no tasks, no clock; time is an argument.  Each module has a twin under
``clients/web``; shared vectors test both.
"""
