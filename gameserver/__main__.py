"""``python -m gameserver`` is the console script ``gameserver``."""

from gameserver.cli import main

if __name__ == "__main__":
    main()
