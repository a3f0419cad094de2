/**
 * One room: its map, its players, its bytes by field and its slow ticks.
 *
 * Owns the choice of the room and its display.  Never carries out an action: `actions.js` does.
 */

import { byId, make } from "../elements.js";
import { colourOf, shown } from "../playground/shown.js";
import { WorldMap } from "../playground/world_map.js";
import { Rates } from "./history.js";
import { Table, rowButton } from "./table.js";
import { bytesOf, bytesPerS, msOf, percent } from "./text.js";

/** @typedef {import("./actions.js").Actions} Actions */
/** @typedef {import("./connection.js").MonitorConnection} MonitorConnection */
/** @typedef {import("./connection.js").PlayerFigures} PlayerFigures */
/** @typedef {import("./connection.js").RoomFigures} RoomFigures */
/** @typedef {import("./connection.js").RoomMap} RoomMap */

/** How often the entities, slow ticks and journal are asked for while they are shown. */
const INSPECT_EVERY_MS = 2000;
const MOST_ENTITIES = 300;

export class RoomPanel {
  #connection;
  #actions;
  #map = new WorldMap((id) => this.#pick(id));
  /** @type {RoomMap | null} */ #newest = null;
  /** @type {RoomFigures | null} */ #room = null;
  /** @type {PlayerFigures[]} */ #players = [];
  /** @type {string[]} */ #labels = [];
  #rates = new Rates();
  #part = "players";
  /** @type {number | null} */ #picked = null;
  /** The newest answer to `inspect`. @type {any} */ #inspected = null;
  #table;
  #tableElement;

  /** @param {() => MonitorConnection | null} connection @param {Actions} actions */
  constructor(connection, actions) {
    this.#connection = connection;
    this.#actions = actions;
    this.#tableElement = make("table", "");
    this.#tableElement.append(document.createElement("thead"), document.createElement("tbody"));
    this.#table = this.#playersTable();
    for (const tab of byId("parts").querySelectorAll("button")) {
      tab.addEventListener("click", () => this.#turnTo(tab.dataset.part ?? "players"));
    }
    byId("lock").addEventListener("click", () => {
      if (this.#room !== null) void actions.lock(this.#room.label, this.#room.locked);
    });
    byId("announce").addEventListener("click", () => {
      if (this.#room !== null) void actions.announce(this.#room.label);
    });
    setInterval(() => void this.#inspect(), INSPECT_EVERY_MS);
  }

  /** The label of the room that is shown; empty for none. */
  get label() {
    return this.#room?.label ?? "";
  }

  /** Show another room, or none. @param {RoomFigures | null} room */
  choose(room) {
    this.#room = room;
    this.#newest = this.#inspected = this.#picked = null;
    this.#players = [];
    byId("room-hint").hidden = room !== null;
    byId("room-body").hidden = room === null;
    byId("room-actions").hidden = room === null;
    byId("room-title").textContent = room?.label ?? "No room is chosen";
    byId("room-facts").textContent = "";
    byId("legend").replaceChildren();
    this.#map.reset();
    this.#showMap();
    this.#showPart();
    void this.#inspect();
  }

  /** @param {RoomFigures[]} rooms @param {PlayerFigures[]} players */
  show(rooms, players) {
    this.#labels = rooms.map(({ label }) => label);
    if (this.#room === null) return;
    const room = rooms.find(({ label }) => label === this.label);
    if (room === undefined) {
      byId("room-facts").textContent = "this room has ended";
      return;
    }
    this.#room = room;
    this.#players = players.filter((player) => player.room === room.label);
    const facts = [
      `${room.players} of ${room.max_players}`,
      `${msOf((room.work_us[0] ?? 0) / 1000)} a tick, p99 ${msOf((room.work_us[1] ?? 0) / 1000)}`,
      `${msOf(room.late_us / 1000)} late`,
      `${room.tick_rate} Hz`,
      `rtt ${msOf(room.rtt_us / 1000)}`,
      bytesPerS(this.#rates.of(room.label, room.delta_bytes, performance.now())),
    ];
    if (room.level > 0) facts.push(`overload level ${room.level}, pace ${percent(room.pace / 1000)}`);
    byId("room-facts").textContent = facts.join(" · ");
    byId("lock").textContent = room.locked ? "Unlock" : "Lock";
    if (this.#part === "players" || this.#part === "bytes") this.#showPart();
  }

  /** @param {RoomMap} map */
  showMap(map) {
    if (map.room !== this.label) return;
    if (this.#newest === null) {
      const chips = map.kinds.map((kind, index) => this.#legend(kind, index, map));
      byId("legend").replaceChildren(...chips.filter((chip) => chip !== null));
    }
    this.#newest = map;
    this.#showMap();
  }

  /** @param {string} kind @param {number} index @param {RoomMap} map */
  #legend(kind, index, map) {
    if (!map.things.some((thing) => thing.kind === index)) return null;
    const dot = make("span", "dot");
    dot.style.background = colourOf(index);
    const chip = make("span", "chip", "", [dot]);
    chip.append(kind);
    return chip;
  }

  #showMap() {
    const map = this.#newest;
    const names = new Map(this.#players.map(({ seat, name }) => [seat, name]));
    const things = (map?.things ?? []).map(({ id, kind, seat, at }) => ({
      id,
      kind: map?.kinds[kind] ?? "",
      kindIndex: kind,
      seen: true,
      own: false,
      at,
      fields: seat === 0 ? {} : { name: names.get(seat) ?? `seat ${seat}` },
    }));
    this.#map.show(things, this.#picked);
  }

  /** @param {number | null} id */
  #pick(id) {
    this.#picked = id;
    this.#showMap();
    this.#showPicked();
    void this.#inspect();
  }

  #showPicked() {
    const panel = byId("picked");
    const found = this.#inspected?.entities.find((/** @type {any} */ entity) => entity.id === this.#picked);
    panel.hidden = found === undefined;
    if (found === undefined) return;
    const list = make("dl", "");
    for (const [name, value] of Object.entries(found.fields)) list.append(make("dt", "", name), make("dd", "", shown(value)));
    panel.replaceChildren(make("b", "", `${found.kind} ${found.id}`), list);
  }

  // -------------------------------------------------------------- its parts

  /** @param {string} part */
  #turnTo(part) {
    this.#part = part;
    for (const tab of byId("parts").querySelectorAll("button")) {
      tab.setAttribute("aria-selected", String(tab.dataset.part === part));
    }
    this.#showPart();
    void this.#inspect();
  }

  async #inspect() {
    const needed = this.#picked !== null || !["players", "bytes"].includes(this.#part);
    const connection = this.#connection();
    if (this.#room === null || connection === null || !needed || document.hidden) return;
    const { label } = this;
    try {
      const told = await connection.act("inspect", { room: label });
      if (label !== this.label) return;
      this.#inspected = told;
      this.#showPicked();
      if (!["players", "bytes"].includes(this.#part)) this.#showPart();
    } catch {
      // The room has ended, or the connection is gone: the page says so elsewhere.
    }
  }

  #showPart() {
    const place = byId("part");
    if (this.#room === null) return place.replaceChildren();
    if (this.#part === "players") {
      const now = performance.now();
      for (const { room, seat, bytes_out: bytes } of this.#players) this.#rates.of(`${room} ${seat}`, bytes, now);
      this.#table.show(this.#players);
      if (place.firstElementChild !== this.#tableElement) place.replaceChildren(this.#tableElement);
      return undefined;
    }
    const parts = { bytes: this.#bytes, entities: this.#entities, slow: this.#slow, journal: this.#journal };
    const make_ = parts[/** @type {keyof typeof parts} */ (this.#part)];
    return place.replaceChildren(...make_.call(this));
  }

  #playersTable() {
    const now = () => performance.now();
    const rate = (/** @type {PlayerFigures} */ { room, seat, bytes_out: bytes }) => this.#rates.of(`${room} ${seat}`, bytes, now());
    return /** @type {Table<PlayerFigures>} */ (
      new Table(
        this.#tableElement,
        [
          { name: "seat", text: ({ seat }) => String(seat), sort: ({ seat }) => -seat, figure: true },
          { name: "name", text: ({ name, connected }) => (connected ? name : `${name} (away)`), sort: ({ name }) => name },
          { name: "rtt", text: ({ rtt_us: rtt }) => (rtt === 0 ? "–" : msOf(rtt / 1000)), sort: ({ rtt_us: rtt }) => rtt, figure: true },
          {
            name: "behind",
            text: ({ behind }) => (behind === 0 ? "–" : `${behind} ticks`),
            sort: ({ behind }) => behind,
            state: ({ behind }) => (behind > 20 ? "bad" : behind > 0 ? "warn" : ""),
            figure: true,
          },
          { name: "sent", text: (player) => bytesPerS(rate(player)), sort: rate, figure: true },
          { name: "who", text: ({ identity, address }) => (identity === "" ? address : identity), sort: ({ identity, address }) => identity || address },
        ],
        ({ room, seat }) => `${room} ${seat}`,
        {
          sortedBy: 0,
          actions: (player) => [
            rowButton("Kick", player.name, () => void this.#actions.kick(player)),
            rowButton("Mute", player.name, () => void this.#actions.punish(player, "mute")),
            rowButton("Move", player.name, () => void this.#actions.move(player, this.#labels)),
            rowButton("Ban", player.name, () => void this.#actions.punish(player, "ban")),
          ],
        },
      )
    );
  }

  /** @returns {HTMLElement[]} */
  #bytes() {
    const room = /** @type {RoomFigures} */ (this.#room);
    const perS = this.#rates.of(room.label, room.delta_bytes, performance.now());
    const shares = [...room.shares].sort(([, one], [, other]) => other - one);
    if (shares.length === 0) return [make("p", "hint", "Nothing in this room has changed in the last second.")];
    /** @type {Map<string, number>} */
    const classes = new Map();
    for (const [field, share] of shares) {
      const name = field.split(".")[0];
      classes.set(name, (classes.get(name) ?? 0) + share);
    }
    const bar = (/** @type {[string, number]} */ [name, share]) => {
      const fill = make("span", "fill");
      fill.style.width = `${Math.max(0.5, share / 10)}%`;
      return make("li", "", "", [make("b", "", name), make("span", "track", "", [fill]), make("span", "figure", `${percent(share / 1000)}`), make("span", "figure", bytesPerS((perS * share) / 1000))]);
    };
    return [
      make("p", "hint", `${bytesPerS(perS)} of deltas to all players. The shares are estimated from the changes between two publishes, each second.`),
      make("h3", "", "By class"),
      make("ol", "bars", "", [...classes].map(bar)),
      make("h3", "", "By field"),
      make("ol", "bars", "", shares.map(bar)),
    ];
  }

  /** @returns {HTMLElement[]} */
  #entities() {
    const told = this.#inspected;
    if (told === null) return [make("p", "hint", "…")];
    const items = told.entities.slice(0, MOST_ENTITIES).map((/** @type {any} */ { id, kind, seat, fields }) => {
      const facts = Object.entries(fields).map(([name, value]) => `${name} ${shown(value, 24)}`);
      const item = make("li", id === this.#picked ? "chosen" : "", "", [make("b", "", `${kind} ${id}${seat ? ` · seat ${seat}` : ""}`), make("span", "", facts.join("  "))]);
      item.addEventListener("click", () => this.#pick(id));
      return item;
    });
    const more = told.count > MOST_ENTITIES ? [make("p", "hint", `${told.count} entities; the first ${MOST_ENTITIES} are shown.`)] : [];
    return [...more, make("ol", "entities", "", items)];
  }

  /** @returns {HTMLElement[]} */
  #slow() {
    const told = this.#inspected;
    if (told === null) return [make("p", "hint", "…")];
    if (told.slow.length === 0) return [make("p", "hint", "None of the last slow ticks of the server was of this room.")];
    return told.slow.map((/** @type {any} */ tick) => {
      const spent = Object.entries(tick.spent_ms)
        .sort(([, one], [, other]) => Number(other) - Number(one))
        .filter(([, took]) => Number(took) > 0)
        .map(([stage, took]) => `${stage} ${took}`);
      return make("p", "slow", "", [
        make("b", "bad", `${tick.work_ms} ms of ${tick.budget_ms}`),
        make("span", "", `tick ${tick.tick}, ${Math.round(tick.ago_s)} s ago, ${tick.players} players, ${tick.late_ms} ms late`),
        make("span", "", spent.join(" · ")),
      ]);
    });
  }

  /** @returns {HTMLElement[]} */
  #journal() {
    const told = this.#inspected;
    if (told === null) return [make("p", "hint", "…")];
    const { journal } = told;
    if (journal === null) return [make("p", "hint", "This room has no journal. The setting journal, or a durable room, gives it one.")];
    return [
      make("p", "", "", [make("b", "", journal.file)]),
      make("p", "hint", `${bytesOf(journal.bytes)} to tick ${journal.tick}${journal.durable ? "; the room is recovered from it" : ""}${journal.stopped ? "; it has stopped" : ""}`),
      make("p", "hint", "On the server's machine, this plays it in the page of the game:"),
      make("code", "", `gameserver replay ${journal.file} --serve`),
    ];
  }
}
