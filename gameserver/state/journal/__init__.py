"""The journal of a room: key frames, everything that came into the room, and checks of its state.

Pure: nothing in here waits, reads a clock, or touches a file.  ``README.md`` is normative for the
format.
"""
