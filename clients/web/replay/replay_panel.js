/**
 * The controls of a replay: play, pause, speed, a slider with the marks of events, the player to
 * follow.
 *
 * Owns its elements, and the commands that they send.  Knows no game: any page can show it beside
 * its own drawing, in a room that `gameserver replay --serve` serves (`isReplay` tells).
 */

import { make } from "../elements.js";

/** @typedef {import("../net/client.js").GameClient} GameClient */
/** @typedef {import("../net/schema.js").Schema} Schema */
/** @typedef {any} Entity  one of the replay's own: clock, marks or player */

/**
 * The page's control of its camera.
 * @typedef {object} CameraMan
 * @property {(entityId: number) => void} follow  the entity with this id; 0: it has none now
 * @property {() => void} free  the page's own camera, from where it is
 */

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];
/** The event whose marks are shown first, if the game has it. */
const USUAL_EVENT = "Kill";
/** While the slider is dragged, a seek is sent this often at most. */
const SEEK_EVERY_MS = 150;

/** Whether a room with this schema is a replay. @param {Schema} schema */
export function isReplay(schema) {
  return schema.entities.some(({ name }) => name === "ReplayClock");
}

export class ReplayPanel {
  #client;
  #cameraMan;
  /** @type {Entity | null} */ #clock = null;
  /** @type {Map<string, number[]>} */ #marks = new Map();
  /** @type {Map<number, Entity>} */ #players = new Map();
  /** The seat that is followed; 0: the camera is free. */
  #followed = 0;
  #dragging = false;
  /** The event whose marks somebody chose; "": nobody did. */
  #chosen = "";
  #soughtMs = -Infinity;
  #element = make("section", "replay");
  #play = /** @type {HTMLButtonElement} */ (make("button", "replay-play"));
  #time = make("output", "replay-time");
  #slider = /** @type {HTMLInputElement} */ (make("input", "replay-slider"));
  #line = make("div", "replay-marks");
  #speed = /** @type {HTMLSelectElement} */ (make("select", "replay-speed"));
  #event = /** @type {HTMLSelectElement} */ (make("select", "replay-event"));
  #follow = /** @type {HTMLSelectElement} */ (make("select", "replay-follow"));

  /**
   * @param {GameClient} client
   * @param {HTMLElement} parent
   * @param {CameraMan} cameraMan
   */
  constructor(client, parent, cameraMan) {
    this.#client = client;
    this.#cameraMan = cameraMan;
    this.#build(parent);
    client.on("enter", (entity) => this.#enter(entity));
    client.on("leave", (entity) => this.#leave(entity));
    client.on("change", ({ entity }) => this.#change(entity));
  }

  /** Free the camera, as the page moved it. @param {number} x @param {number} y  in units of the game */
  look(x, y) {
    this.#followed = 0;
    this.#follow.value = "0";
    this.#client.send("ReplayLook", { x, y });
  }

  /** The tick of the journal that is shown; null before the first delta. */
  get tick() {
    return this.#clock === null ? null : Number(this.#clock.tick);
  }

  /** Play or pause. */
  toggle() {
    this.#control(this.#clock?.state !== "paused", this.#clock?.speed ?? 1);
  }

  // ---------------------------------------------------------------- elements

  /** @param {HTMLElement} parent */
  #build(parent) {
    this.#element.setAttribute("aria-label", "Replay");
    this.#play.type = "button";
    this.#slider.type = "range";
    this.#slider.step = "1";
    this.#slider.setAttribute("aria-label", "Time");
    label(this.#speed, "Speed");
    label(this.#event, "Marks");
    label(this.#follow, "Follow");
    for (const speed of SPEEDS) this.#speed.add(new Option(`${fraction(speed)} ×`, String(speed)));
    this.#follow.add(new Option("free camera", "0"));
    const track = make("div", "replay-track", "", [this.#line, this.#slider]);
    this.#element.append(this.#play, this.#time, track, this.#event, this.#speed, this.#follow);
    parent.append(this.#element);
    this.#play.addEventListener("click", () => this.toggle());
    this.#speed.addEventListener("change", () =>
      this.#control(this.#clock?.state === "paused", Number(this.#speed.value)),
    );
    this.#event.addEventListener("change", () => {
      this.#chosen = this.#event.value;
      this.#drawMarks();
    });
    this.#follow.addEventListener("change", () => this.#choose(Number(this.#follow.value)));
    this.#slider.addEventListener("input", () => this.#drag(performance.now()));
    this.#slider.addEventListener("change", () => {
      this.#dragging = false;
      this.#seek();
    });
    this.#refresh();
  }

  #refresh() {
    const clock = this.#clock;
    const paused = clock === null || clock.state === "paused";
    this.#play.textContent = paused ? "▶" : "❚❚";
    this.#play.setAttribute("aria-label", paused ? "Play" : "Pause");
    this.#element.dataset.state = clock?.state ?? "waiting";
    if (clock === null) return;
    this.#slider.min = String(clock.first_tick);
    this.#slider.max = String(clock.last_tick);
    if (!this.#dragging) this.#slider.value = String(clock.tick);
    const tick = this.#dragging ? Number(this.#slider.value) : clock.tick;
    const rate = clock.tick_rate;
    const now = timeText((tick - clock.first_tick) / rate);
    this.#time.textContent = `${now} / ${timeText((clock.last_tick - clock.first_tick) / rate)}`;
    this.#speed.value = String(clock.speed);
  }

  #drawMarks() {
    this.#line.replaceChildren();
    const clock = this.#clock;
    if (clock === null || clock.last_tick <= clock.first_tick) return;
    const length = clock.last_tick - clock.first_tick;
    for (const tick of this.#marks.get(this.#event.value) ?? []) {
      const mark = make("i", "replay-mark");
      mark.style.left = `${(100 * (tick - clock.first_tick)) / length}%`;
      this.#line.append(mark);
    }
  }

  // ---------------------------------------------------------------- entities of the replay

  /** @param {Entity} entity */
  #enter(entity) {
    switch (entity.kind) {
      case "ReplayClock":
        this.#clock = entity;
        this.#refresh();
        return this.#drawMarks();
      case "ReplayMarks":
        this.#marks.set(entity.event, entity.ticks);
        return this.#listEvents();
      case "ReplayPlayer":
        this.#players.set(entity.seat, entity);
        return this.#listPlayers();
    }
  }

  /** @param {Entity} entity */
  #leave(entity) {
    if (entity.kind !== "ReplayPlayer" || this.#players.get(entity.seat) !== entity) return;
    this.#players.delete(entity.seat);
    this.#listPlayers();
  }

  /** @param {Entity} entity */
  #change(entity) {
    if (entity === this.#clock) this.#refresh();
    if (entity.kind !== "ReplayPlayer") return;
    this.#listPlayers();
    if (entity.seat === this.#followed) this.#cameraMan.follow(entity.entity);
  }

  #listEvents() {
    const names = [...this.#marks.keys()].sort();
    this.#event.replaceChildren(
      ...names.map((name) => new Option(`${name} (${this.#marks.get(name)?.length})`, name)),
    );
    this.#event.value = [this.#chosen, USUAL_EVENT, names[0]].find((name) => this.#marks.has(name)) ?? "";
    this.#drawMarks();
  }

  #listPlayers() {
    const options = [...this.#players.values()].map(({ seat, name }) => [String(seat), name]);
    const shown = [...this.#follow.options].slice(1).map(({ value, text }) => [value, text]);
    if (JSON.stringify(options) === JSON.stringify(shown)) return;
    this.#follow.length = 1;
    for (const [seat, name] of options) this.#follow.add(new Option(name, seat));
    this.#follow.value = this.#players.has(this.#followed) ? String(this.#followed) : "0";
  }

  // ---------------------------------------------------------------- commands

  /** @param {boolean} paused @param {number} speed */
  #control(paused, speed) {
    this.#client.send("ReplayControl", { paused, speed });
  }

  /** @param {number} nowMs */
  #drag(nowMs) {
    this.#dragging = true;
    this.#refresh();
    if (nowMs - this.#soughtMs >= SEEK_EVERY_MS) this.#seek(nowMs);
  }

  #seek(nowMs = performance.now()) {
    this.#soughtMs = nowMs;
    this.#client.send("ReplaySeek", { tick: Number(this.#slider.value) });
  }

  /** @param {number} seat */
  #choose(seat) {
    this.#followed = seat;
    this.#client.send("ReplayFollow", { seat });
    if (seat === 0) this.#cameraMan.free();
    else this.#cameraMan.follow(this.#players.get(seat)?.entity ?? 0);
  }
}

/** @param {HTMLElement} element @param {string} text */
function label(element, text) {
  element.setAttribute("aria-label", text);
  element.title = text;
}

/** @param {number} speed */
function fraction(speed) {
  return { 0.25: "¼", 0.5: "½" }[speed] ?? String(speed);
}

/** @param {number} seconds */
function timeText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
