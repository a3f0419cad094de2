"""What ``gameserver new`` copies: one small whole game a folder, with its page, bots and tests."""
