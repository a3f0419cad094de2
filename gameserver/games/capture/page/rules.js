// The rules of prediction, for the page and its test; `bots.py` has them in Python.

import { FAST_SPEED, step, UNIT } from "./movement.js";

export const rules = (client) => ({
  state: ({ x, y, fast_from, fast_until, out }) =>
    out ? null : { x, y, fast_from, fast_until, tick: client.replica.tick },
  step: (before, move) => step(before, move.dx, move.dy, client.replica.ofKind("Gate")),
  kinds: ["Racer"],
  jumpDistance: 2 * FAST_SPEED,
  snapDistance: 100 * UNIT,
});
