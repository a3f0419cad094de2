"""The knowledge of a seat: a state machine that decides which delta the seat gets next.

Owns the three states and says what each of them promises.  Never changes a seat: the transitions
are methods of ``Seat``.

                      delta_posted                 lapse
    ┌─────┐           (a full state)  ┌────────────┐ ────────► ┌──────────────────────┐
    │ NEW │ ────────────────────────► │ UP_TO_DATE │           │ LAPSED(known, since) │
    └─────┘                           └────────────┘ ◄──────── └──────────────────────┘
                                                  delta_posted

    from any state:  forget ──► NEW      resume(known, since) ──► LAPSED(known, since)

- ``NEW``: nothing may be assumed about the client.  The next delta is a full state.
- ``UP_TO_DATE``: the client knows exactly the members of the view from ``seat.cell`` as of the last
  publish, with the values of that publish.  A seat that gets no delta because nothing changed for
  it stays in this state.  Its next delta takes the shared path.
- ``Lapsed``: the client knows the entities ``known`` with their values as of tick ``since``.  Its
  next delta takes the catch-up path.  A lapsed seat knows no less while it waits, so ``known`` and
  ``since`` never change.

A seat lapses before entities move between cells, while the members of each cell are still those of
the last publish.  After that, its knowledge cannot be told from the changes that it has yet to get.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs


@attrs.frozen(eq=False)
class New:
    """Nothing may be assumed; see the module."""


@attrs.frozen(eq=False)
class UpToDate:
    """The client has the last publish; see the module."""


@attrs.frozen(eq=False)
class Lapsed:
    """The client knows the ids ``known`` as of the tick ``since``; see the module.

    Compared by identity: seats that share one ``Lapsed`` and look from one cell get the same bytes.
    """

    known: set[int]
    since: int
    #: The client resumed, so the server no longer has a record of which owner fields it holds.
    resumed: bool = False
    #: The groups whose group fields the client holds.
    groups: frozenset[int] = frozenset()


NEW: Final = New()
UP_TO_DATE: Final = UpToDate()

Knowledge: TypeAlias = New | UpToDate | Lapsed
