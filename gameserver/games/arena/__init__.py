"""The arena: the demo game, and the example that authors copy from.

``model`` declares what is on the wire, ``movement`` moves a ship in integers, ``rules`` holds
the numbers of the game, ``room`` plays it.
"""
