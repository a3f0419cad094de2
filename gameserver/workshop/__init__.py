"""The parts of ``gameserver dev`` beside a server: reloading of code, live pages, their channel.

Owns no code.
"""
