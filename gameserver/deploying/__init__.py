"""Files that deploy a game: written by ``gameserver deploy`` from templates in ``files``."""
