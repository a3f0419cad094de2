// The netcode's pure parts against tests/vectors/netcode_*.json, which their Python twins wrote.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { newPose, PlaybackClock, Track } from "../../clients/web/net/interpolation.js";
import { LatencyBudget, SHARES, total } from "../../clients/web/net/budget.js";
import { PendingEffects } from "../../clients/web/net/effects.js";
import { Flight } from "../../clients/web/lab/recovery.js";
import { Lead } from "../../clients/web/net/lead.js";
import { Predictor, Smoothing } from "../../clients/web/net/prediction.js";
import { Steering } from "../../clients/web/net/steering.js";
import { Tempo } from "../../clients/web/net/tempo.js";
import { pingIntervalMs, TickClock } from "../../clients/web/net/tickclock.js";

const read = (name) =>
  JSON.parse(readFileSync(new URL(`../vectors/netcode_${name}.json`, import.meta.url), "utf8"));

/** As in JSON, where nothing that is not a number is null. */
const orNull = (value) => (Number.isNaN(value) ? null : value);

/** Equal, but for rounding of floats. */
function same(one, other) {
  if (typeof one === "number" && typeof other === "number") {
    const off = Math.abs(one - other);
    return off <= 1e-6 || off <= 1e-9 * Math.max(Math.abs(one), Math.abs(other));
  }
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one === other;
  }
  const keys = Object.keys(other);
  return keys.length === Object.keys(one).length && keys.every((key) => same(one[key], other[key]));
}

/** Each of its cases: `begin(case)` returns what plays one step and tells what is so after it. */
function plays(name, group, begin) {
  for (const each of read(name)[group]) {
    test(`${name}, ${group}: ${each.name}`, () => {
      const play = begin(each);
      for (const step of each.steps) {
        const now = play(...step.slice(0, -1));
        assert.ok(same(now, step.at(-1)), `${JSON.stringify(step)}, not ${JSON.stringify(now)}`);
      }
    });
  }
}

plays("tickclock", "cases", ({ tick_rate, tick, now_ms }) => {
  const clock = new TickClock(tick_rate, tick, now_ms);
  return (what, ...values) => {
    if (what === "pong") clock.pong(...values);
    else if (what === "pace") clock.changePace(values[0], values[2], 1);
    else clock.delta(...values);
    return { tick: clock.tickAt(values[1]), min_rtt_ms: clock.minRttMs, jumps: clock.jumps };
  };
});

plays("recovery", "cases", ({ path, back, measured, chances }) => {
  const way = ([delayMs, jitterMs, loss]) => ({ delayMs, jitterMs, bytesPerS: Infinity, loss });
  const [leastRttMs, smoothedRttMs, timeoutMs] = measured;
  let drawn = 0;
  const chance = () => chances[drawn++ % chances.length];
  const never = { cover: () => false };
  const flight = new Flight(
    way(path),
    way(back),
    { leastRttMs, smoothedRttMs, timeoutMs },
    chance,
    /** @type {any} */ (never),
  );
  const sent = [];
  return (_, now) => {
    sent.push(flight.send(now));
    return { arrives: sent.slice(-12).map(({ arrivesMs }) => arrivesMs), lost: flight.lost };
  };
});

plays("tempo", "cases", () => {
  const tempo = new Tempo();
  return (what, ...values) => {
    if (what === "bend") return { returned: tempo.bend(...values), pace: tempo.pace };
    return { steady: tempo.steadyOf(values[0]), tick: tempo.tickOf(values[0]) };
  };
});

plays("lead", "cases", ({ tick_rate, tick: first, now_ms }) => {
  const clock = new TickClock(tick_rate, first, now_ms);
  const lead = new Lead(clock);
  let tick = null;
  return (what, ...values) => {
    if (what === "pong") clock.pong(...values);
    else if (what === "advance") tick = lead.advance(...values);
    else if (what === "sent") lead.sent(...values);
    else if (what === "pace") clock.changePace(...values, 1);
    else lead.margin(...values);
    return { tick, lead_ticks: lead.started ? lead.leadTicks : null, jumps: lead.jumps };
  };
});

/** A bead on a wire: place, speed, and how often it was pushed hard. */
function pushBead([place, speed, pushes], force) {
  const next = Math.max(-9, Math.min(9, speed + force));
  return [place + next, next, pushes + (Math.abs(force) > 2 ? 1 : 0)];
}

plays("prediction", "cases", ({ max_pending }) => {
  const predictor = new Predictor({
    step: pushBead,
    equal: (one, other) => one.every((value, i) => value === other[i]),
    distance: ([before], [after]) => Math.abs(before - after),
    maxPending: max_pending,
  });
  return (what, ...values) => {
    const returned = predictor[what](...values) ?? null;
    const { counts, state, tick, pending } = predictor;
    return {
      returned,
      state,
      tick,
      pending,
      counts: Object.values(counts),
    };
  };
});

plays("prediction", "smoothing", ({ snap_distance }) => {
  const smoothing = new Smoothing(snap_distance);
  return (what, ...values) => {
    if (what === "add") smoothing.add(...values);
    const { x, y } = smoothing.offset(values.at(-1));
    return { offset: [x, y], snaps: smoothing.snaps };
  };
});

plays("interpolation", "playback", ({ tick_rate, publish_every, min_delay_ms, min_intervals }) => {
  const ticks = new TickClock(tick_rate, 0, 0, publish_every);
  const clock = new PlaybackClock(ticks, {
    minDelayMs: min_delay_ms,
    minIntervals: min_intervals,
  });
  let tick = null;
  return (what, ...values) => {
    if (what === "arrived") clock.arrived(...values);
    else if (what === "pace") ticks.changePace(...values);
    else tick = orNull(clock.tickAt(...values));
    return { tick, delay_ms: clock.delayMs, underruns: clock.underruns };
  };
});

plays("interpolation", "track", ({ jump_distance, tick_ms }) => {
  const track = new Track(jump_distance, tick_ms);
  return (what, tick, x, y) => {
    if (what === "push") {
      track.push(tick, { x, y, heading: 0, aim: 0 });
      return {};
    }
    const at = track.sample(tick, newPose());
    return { at: [at.x, at.y] };
  };
});

/** What `steering` of `tests/support/netcode_vectors` steers: a bell hangs at each 50. */
const BEAD_WITH_BELLS = {
  kinds: ["Bead"],
  jumpDistance: 12,
  snapDistance: 60,
  state: ({ place, speed, pushes }) => [place, speed, pushes],
  step: (state, { force }) => pushBead(state, force),
  idle: (last, silentTicks) => (last === null || silentTicks > 6 ? { force: 0 } : last),
  place: ([place]) => ({ x: place, y: 0 }),
  effects: ([before], [after], tick) =>
    Math.floor(before / 50) === Math.floor(after / 50) ? [] : [{ kind: "Rang", tick, what: tick }],
  effectOf: () => ({ kind: "Rang" }),
};
const COUNT = { fromWire: (value) => value };
const BEAD = { at: [0, 1], fields: [{ type: COUNT }, { type: COUNT }] };

plays("steering", "cases", ({ tick_rate, tick: first, now_ms }) => {
  const clock = new TickClock(tick_rate, first, now_ms);
  const lead = new Lead(clock);
  const replica = { tick: 0, own: undefined, entities: new Map() };
  const steering = new Steering(BEAD_WITH_BELLS, replica, clock, lead);
  const place = (at) => at && [at.x, at.y];
  const acts = {
    pong: (...values) => clock.pong(...values),
    pace: (...values) => clock.changePace(...values),
    due: (now) => {
      const tick = steering.due(now);
      if (tick !== null) steering.look(now);
      return tick;
    },
    steer: (force) => {
      const order = steering.steer({ force });
      if (order === null) return null;
      lead.sent(order.tick);
      return [order.command.force, order.tick, order.rendered];
    },
    delta: (tick, own, beads, rang, margin, now) => {
      replica.tick = tick;
      replica.entities = new Map(
        beads.map(([id, place, speed, pushes]) => [
          id,
          { id, kind: "Bead", spec: BEAD, values: [place, 0], place, speed, pushes },
        ]),
      );
      replica.own = replica.entities.get(own);
      clock.delta(tick, now);
      lead.margin(tick, margin);
      return steering.delta(margin, rang, now);
    },
    own_place: (now, force) => place(steering.ownPlace(now, force === null ? null : { force })),
    place_of: (id) => (replica.entities.has(id) ? place(steering.placeOf({ id })) : null),
    changes: () => steering.takeChanges().map(({ effect, undo }) => [effect.what, undo]),
    reconnected: () => steering.reconnected(),
  };
  return (act, ...values) => {
    const returned = acts[act](...values) ?? null;
    const { tick, own, renderedTick, missedTicks, predictor, smoothing, effects } = steering;
    return {
      returned,
      tick,
      own,
      rendered: orNull(renderedTick),
      missed: missedTicks,
      counts: Object.values(predictor.counts),
      snaps: smoothing.snaps,
      effects: [effects.confirmed, effects.undone],
    };
  };
});

plays("effects", "cases", () => {
  const pending = new PendingEffects();
  const what = (effect) => effect?.what ?? null;
  const acts = {
    show: (kind, tick, key, its) => what(pending.show({ kind, tick, key, what: its })),
    confirm: (...values) => what(pending.confirm(...values)),
    is_shown: (...values) => pending.isShown(...values),
    expire: (tick) => pending.expire(tick).map(what),
    clear: () => pending.clear().map(what),
  };
  return (act, ...values) => {
    const returned = acts[act](...values);
    const { length: waiting, confirmed, undone } = pending;
    return { returned, waiting, confirmed, undone };
  };
});

plays("budget", "cases", () => {
  const budget = new LatencyBudget();
  return (what, tick, nowMs, ...times) => {
    if (what === "sent") {
      budget.sent(tick, nowMs);
    } else {
      const [tickTimeMs, tickMs, halfRttMs, simulateMs, postMs, drawnMs] = times;
      const known = { tickTimeMs, tickMs, halfRttMs, simulateMs, postMs, drawnMs };
      budget.answered(tick, nowMs, known);
    }
    const { newest } = budget;
    const percentiles = budget.percentiles();
    return {
      newest: newest === null ? null : SHARES.map((share) => newest[share]),
      total_p50: percentiles?.total.p50 ?? null,
      wait_p95: percentiles?.wait.p95 ?? null,
    };
  };
});

test("the total of a budget is the sum of its shares", () => {
  assert.equal(total({ up: 1, wait: 2, simulate: 3, post: 4, down: 5, drawn: 6 }), 21);
});

test("no pong is a round trip into the past", () => {
  assert.throws(() => new TickClock(30, 0, 0).pong(10, 9, 1), RangeError);
  assert.throws(() => new TickClock(30, 0, 0).pong(10, 11, NaN), RangeError);
});

test("pings come about once a second, at ever other phases of a tick", () => {
  const every = pingIntervalMs(1000, 30);
  assert.ok(Math.abs(every - 1000) < 34);
  const phases = new Set(Array.from({ length: 20 }, (_, i) => Math.round(((i * every * 0.03) % 1) * 20)));
  assert.ok(phases.size >= 18);
});

test("before a pong the clock goes by what the welcome said, and by deltas", () => {
  const clock = new TickClock(30, 100, 0);
  assert.equal(clock.known, false);
  assert.equal(clock.tickAt(1000), 130);
  clock.delta(140, 1000);
  assert.equal(clock.tickAt(1000), 140);
  assert.equal(clock.timeOf(140), 1000);
});
