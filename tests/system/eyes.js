// What browser tests see of a page: put into each page before its own scripts, as `window.eyes`.
window.eyes = {
  /** What the newest delta left in view. */
  entities: () => [...(window.arena?.client.replica?.entities.values() ?? [])],

  tick: () => window.arena?.client.replica?.tick ?? 0,

  playing: () => window.arena?.client.state === "playing" && eyes.tick() > 0,

  /** The own ship in the units of the wire; null while there is none. */
  own: () => {
    const ship = eyes.playing() ? window.arena.client.replica.own : undefined;
    return ship ? { x: ship.x, y: ship.y, heading: ship.heading, energy: ship.energy } : null;
  },

  /** Where each ship in view is, by the name of its pilot. */
  ships: () => {
    const all = eyes.entities();
    const places = all
      .filter((each) => each.kind === "Pilot")
      .map((pilot) => [pilot.name, all.find((each) => each.kind === "Ship" && each.id === pilot.ship)])
      .filter(([, ship]) => ship !== undefined)
      .map(([name, ship]) => [name, { x: ship.x, y: ship.y }]);
    return Object.fromEntries(places);
  },

  /** Names in view whose ship is farther than `far` from where it was; null if there is none. */
  moved: (before, far) => {
    const names = Object.entries(eyes.ships())
      .filter(([name, { x, y }]) => before[name] && Math.hypot(x - before[name].x, y - before[name].y) > far)
      .map(([name]) => name);
    return names.length > 0 ? names : null;
  },

  /** Where each ship was at the first look at it, by name. */
  firstSeen: {},
  /** Names whose ship is farther than `far` from there; null if there is none.  To be asked again and again. */
  strayed: (far) => {
    eyes.firstSeen = { ...eyes.ships(), ...eyes.firstSeen };
    return eyes.moved(eyes.firstSeen, far);
  },

  /** The names on the leaderboard, as shown. */
  leaders: () => [...document.querySelectorAll("#leaders .name")].map((each) => each.textContent),

  /** What the banner says, null while it is hidden. */
  banner: () => {
    const banner = document.querySelector("#banner");
    return banner.hidden ? null : banner.innerText;
  },

  /** What the network line says. */
  network: () => document.querySelector("#network").innerText,

  /** Whether the own ship is drawn where its controls have it. */
  predicted: () => eyes.playing() && (window.arena.scene.ownState ?? null) !== null,

  /**
   * From the next key on: after how many drawn frames, and milliseconds, is the own ship drawn
   * elsewhere?  A promise, as it must listen before the key is pressed.
   */
  answer: null,
  listenForAnswer: () => {
    eyes.answer = new Promise((resolve) => {
      const pressed = () => {
        const { pose } = arena.scene.ownShip;
        const { x, y, heading } = pose;
        const startMs = performance.now();
        let frames = 0;
        const look = () => {
          frames += 1;
          if (pose.x !== x || pose.y !== y || pose.heading !== heading || frames > 600) {
            resolve({ frames, ms: performance.now() - startMs });
          } else {
            requestAnimationFrame(look);
          }
        };
        requestAnimationFrame(look);
      };
      addEventListener("keydown", pressed, { once: true, capture: true });
    });
  },

  /**
   * From now on: how many corrections the own ship had, since which tick; how many commands came
   * late, by the margins in deltas and by the server's own count (of several that come at once
   * margins tell only of the newest); and how many ticks the server dropped.
   */
  record: null,
  startRecord: () => {
    const { corrections, adjustments } = arena.scene.corrections;
    const counted = arena.client.status?.late ?? 0;
    const since = eyes.tick();
    const record = { since, late: 0, counted: 0, dropped: 0, corrections: 0, adjustments: 0, ticks: 0 };
    eyes.record = record;
    let newest = since;
    // Between two deltas of a room that publishes less often lie more ticks, none of them dropped;
    // that it does may be told just after the first such delta.
    let every = arena.client.welcome.limits.publishEvery;
    let gap = 0;
    arena.client.on("pace", ({ publishEvery }) => {
      if (gap <= publishEvery) record.dropped -= Math.max(0, gap - every);
      every = Math.max(every, publishEvery);
      gap = 0;
    });
    arena.client.on("delta", ({ tick, margin }) => {
      if (margin !== null && margin < 0) record.late += 1;
      record.counted = (arena.client.status?.late ?? 0) - counted;
      gap = tick - newest;
      record.dropped += Math.max(0, gap - every);
      newest = tick;
      record.ticks = tick - record.since;
      record.corrections = arena.scene.corrections.corrections - corrections;
      record.adjustments = arena.scene.corrections.adjustments - adjustments;
    });
  },

  /** What the page believes of time, in ticks. */
  times: () => ({
    newest: eyes.tick(),
    shown: arena.scene.playbackTick,
    server: arena.client.serverTickNow(),
    command: arena.client.commandTickNow(),
  }),

  /** Whether what is shown, known and commanded fits together: in ticks of 1/30 s. */
  playsOn: () => {
    const { newest, shown, server, command } = eyes.times();
    return (
      eyes.predicted() &&
      shown <= newest &&
      shown > newest - 20 &&
      command > server &&
      command < server + 10 &&
      newest > server - 20
    );
  },

  /** From now on: after how many drawn frames does the page play on?  A promise. */
  framesUntilPlaysOn: async () => {
    let frames = 0;
    for (; !eyes.playsOn() && frames < 600; frames += 1) await new Promise(requestAnimationFrame);
    return frames;
  },

  /** From when the page next wakes or is seen: after how many drawn frames does it play on?  A promise. */
  woken: null,
  startWaking: () => {
    const awake = new Promise((resolve) => {
      document.addEventListener("resume", resolve, { once: true });
      document.addEventListener("visibilitychange", resolve, { once: true });
    });
    eyes.woken = awake.then(eyes.framesUntilPlaysOn);
  },

  /** So many ticks from now on; a promise that needs no frames. */
  ticks: (count) =>
    new Promise((resolve) => {
      const until = eyes.tick() + count;
      const stop = arena.client.on("delta", ({ tick }) => {
        if (tick < until) return;
        stop();
        resolve(tick);
      });
    }),

  /** All that the banner has said; a word may be gone before a test looks. */
  said: [],
};

document.addEventListener("DOMContentLoaded", () => {
  const note = () => eyes.said.push(eyes.banner() ?? "");
  const banner = document.querySelector("#banner");
  if (banner === null) return; // another game's page
  new MutationObserver(note).observe(banner, { subtree: true, childList: true, attributes: true });
});
