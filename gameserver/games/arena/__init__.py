"""The arena: the demo game, and the example that authors copy from.

Read ``model`` first, which declares what is on the wire, then ``room``, which plays a tick.  All
numbers are in ``rules``, and in ``movement``, which moves a ship and has a twin in JavaScript.
Each other file has one subject: ``rocks``, ``pulse``, ``minefield``, ``pickups``, ``scoring``,
``rounds``, ``stands``, and ``still`` and ``flier``, which those share.
"""
