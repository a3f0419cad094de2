"""Step functions that are written once, in a subset of Python, and run in both languages.

``value_types.py`` has the types of the subset, ``module.py``, ``statements.py`` and
``expressions.py`` check a module and refuse what would not give the same bits, ``javascript*.py``
write it, and ``checked.py`` runs it in Python with JavaScript's limits.
"""

from __future__ import annotations

from gameserver.stepping.checked import checked
from gameserver.stepping.errors import OutOfRange, Refused
from gameserver.stepping.javascript import javascript_of

__all__ = ["OutOfRange", "Refused", "checked", "javascript_of"]
