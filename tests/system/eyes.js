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
   * From now on, of the own ship, each as the first and the last tick that it concerns:
   * `corrections`, adjustments included; `behind`, ticks that the server had played before the page
   * predicted them; `jumps` of the lead.  And `clockJumps`: how often the server's time jumped,
   * although every change of pace had been announced before it came.
   *
   * A promise: it hooks into the page's own modules.
   */
  record: null,
  startRecord: async () => {
    const [{ Predictor }, { TickClock }] = await eyes.modules("prediction", "tickclock");
    const { lead } = arena.client;
    const record = { since: eyes.tick(), until: eyes.tick(), clockJumps: 0 };
    Object.assign(record, { corrections: [], behind: [], jumps: [] });
    eyes.record = record;
    let leadJumps = lead.jumps;
    let after = record.since;
    eyes.before(Predictor, "reconcile", (predictor, tick) => {
      const { counts, tick: predicted } = predictor;
      const corrected = counts.corrections + counts.adjustments;
      if (predicted < tick) record.behind.push([predicted + 1, tick]);
      if (lead.jumps > leadJumps) record.jumps.push([tick, predicted + eyes.MOST_AHEAD_TICKS]);
      leadJumps = lead.jumps;
      return () => {
        if (counts.corrections + counts.adjustments > corrected) {
          record.corrections.push([after + 1, tick]);
        }
        record.until = after = tick;
      };
    });
    const jumped = (clock) => {
      const before = clock.jumps;
      return () => void (record.clockJumps += clock.jumps - before);
    };
    eyes.before(TickClock, "pong", jumped);
    eyes.before(TickClock, "delta", jumped);
  },

  /** So many ticks ahead the server takes commands. */
  MOST_AHEAD_TICKS: 32,

  /** Modules of the page's `net` folder, as the page itself has them; a promise. */
  modules: (...names) =>
    Promise.all(names.map((name) => import(new URL(`net/${name}.js`, document.baseURI)))),

  /** Have a method first call `look` with its object and arguments, and at its end what that returned. */
  before: ({ prototype }, method, look) => {
    const original = prototype[method];
    prototype[method] = function (...values) {
      const done = look(this, ...values);
      try {
        return original.apply(this, values);
      } finally {
        done();
      }
    };
  },

  /**
   * What the server says of its hiccups, each as its first and its last tick; a promise.  It has
   * read all commands that the page sent until now.  Only the test's own rooms answer.
   */
  askForHiccups: () =>
    new Promise((resolve) => {
      const hiccups = [];
      const stop = arena.client.on("said", ({ text }) => {
        const words = text.split(" ");
        if (words[0] === "hiccup") hiccups.push([Number(words[1]), Number(words[2])]);
        if (text !== "no more hiccups") return;
        stop();
        resolve(hiccups);
      });
      arena.client.say("hiccups");
    }),

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
