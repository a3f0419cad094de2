"""The journal of a room: key frames, whatever came into the room since, and checks of its state.

Pure: nothing in here waits, reads a clock, or touches a file.  ``README.md`` is normative for the
format.
"""
