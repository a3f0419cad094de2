/**
 * The parts of the monitor, and the connection that they share.
 *
 * Owns signing in and out, and when the parts are drawn.  Keeps the token for this tab only, and
 * never puts it into an address.
 */

import { byId, make } from "../elements.js";
import { Actions } from "./actions.js";
import { MonitorConnection } from "./connection.js";
import { History, summed } from "./history.js";
import { RoomPanel } from "./room_panel.js";
import { Table, rowButton } from "./table.js";
import { Tiles } from "./tiles.js";
import { bytesOf, msOf, percent, timeOf } from "./text.js";

/** @typedef {import("./connection.js").NodeFigures} NodeFigures */
/** @typedef {import("./connection.js").RoomFigures} RoomFigures */

const KEPT_AS = "gameserver-admin-token";
const DRAW_EVERY_MS = 400;
/** Wide enough for the rooms beside everything else. */
const WIDE = matchMedia("(min-width: 46.01rem)");

export class MonitorPage {
  /** @type {MonitorConnection | null} */ #connection = null;
  #history = new History();
  #tiles = new Tiles();
  #actions = new Actions(
    () => this.#connection,
    (action) => this.#acted(action),
  );
  #room = new RoomPanel(() => this.#connection, this.#actions);
  #rooms = this.#roomsTable();
  #penalties = this.#penaltiesTable();
  #audit = this.#auditTable();
  #view = WIDE.matches ? "room" : "rooms";
  #drawnMs = -Infinity;

  constructor() {
    byId("sign-in", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#open(byId("token", HTMLInputElement).value.trim());
    });
    byId("sign-out").addEventListener("click", () => this.#signOut(""));
    byId("announce-all").addEventListener("click", () => void this.#actions.announce(null));
    byId("ban-other").addEventListener("click", () => void this.#actions.punishOther());
    byId("rooms-filter").addEventListener("input", () => this.#draw());
    for (const button of byId("views").querySelectorAll("button")) {
      button.addEventListener("click", () => this.turnTo(button.dataset.view ?? "rooms"));
    }
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#connection?.wake();
    });
    WIDE.addEventListener("change", () => {
      if (WIDE.matches && this.#view === "rooms") this.turnTo("room");
    });
    const kept = sessionStorage.getItem(KEPT_AS);
    if (kept !== null) this.#open(kept);
  }

  // -------------------------------------------------------------- the connection

  /** @param {string} token */
  #open(token) {
    byId("sign-in-fault").textContent = "";
    const connection = new MonitorConnection(token, {
      changed: (change) => {
        if (this.#connection === connection) this.#changed(change, token);
      },
      figures: () => {
        if (this.#connection === connection) this.#draw();
      },
      map: (map) => this.#room.showMap(map),
    });
    this.#connection = connection;
    connection.connect();
  }

  /** @param {import("../net/client_types.js").StateChange} change @param {string} token */
  #changed({ state, reason, retryInS }, token) {
    const place = byId("place");
    const again = retryInS === null ? "" : `, again in ${retryInS.toFixed(0)} s`;
    place.textContent = state === "playing" ? location.host : reason === "" ? state : `${reason}${again}`;
    place.dataset.state = state;
    if (state === "playing") {
      document.body.dataset.state = "in";
      sessionStorage.setItem(KEPT_AS, token);
      this.turnTo(this.#view);
    }
    if (state === "closed") this.#signOut(reason);
  }

  /** @param {string} why */
  #signOut(why) {
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
    sessionStorage.removeItem(KEPT_AS);
    document.body.dataset.state = "out";
    byId("sign-in-fault").textContent = why;
    this.#room.choose(null);
    this.#history = new History();
  }

  // -------------------------------------------------------------- drawing

  #draw() {
    const connection = this.#connection;
    const now = performance.now();
    if (connection === null || now - this.#drawnMs < DRAW_EVERY_MS) return;
    this.#drawnMs = now;
    const { nodes, rooms, players } = connection;
    if (this.#history.add(nodes, now)) this.#tiles.show(this.#history.samples);
    const wanted = byId("rooms-filter", HTMLInputElement).value.trim().toLowerCase();
    const fitting = rooms.filter(({ label }) => label.toLowerCase().includes(wanted));
    this.#rooms.show(fitting, this.#room.label);
    byId("rooms-empty").hidden = fitting.length > 0;
    if (this.#room.label === "" && this.#view === "room" && rooms.length > 0) {
      const busiest = rooms.reduce((most, room) => (room.load > most.load ? room : most));
      this.#choose(busiest);
    }
    this.#room.show(rooms, players);
    this.#showBrief(nodes);
    if (this.#view === "server") this.#showNodes(nodes);
  }

  /** @param {NodeFigures[]} nodes */
  #showBrief(nodes) {
    const sum = (/** @type {(node: NodeFigures) => number} */ of) => nodes.reduce((total, node) => total + of(node), 0);
    const facts = [
      ["rooms", String(sum(({ rooms }) => rooms))],
      ["connections", String(sum(({ connections }) => connections))],
      ["held seats", String(sum(({ held }) => held))],
      ["nodes", String(nodes.length)],
    ];
    byId("brief").replaceChildren(...facts.map(([name, value]) => make("div", "", "", [make("dt", "", name), make("dd", "", value)])));
  }

  /** @param {NodeFigures[]} nodes */
  #showNodes(nodes) {
    const cards = nodes.map((node) => {
      const counts = summed([node.counts]);
      const of = (/** @type {string} */ name) => String(counts[name] ?? 0);
      const storage = node.storage_waiting < 0 ? [["storage", "none"]] : [
        ["submissions waiting", String(node.storage_waiting)],
        ["written", of("storage_written")],
        ["failed, refused", `${of("storage_failed")}, ${of("storage_refused")}`],
        ["retries", of("storage_retries")],
      ];
      /** @type {[string, string[][]][]} */
      const groups = [
        ["Load", [
          ["players, rooms", `${node.players}, ${node.rooms}`],
          ["computes", percent(node.computed / 1000)],
          ["waits for a core", percent(node.waited / 1000)],
          ["tick, median", msOf((node.work_us[0] ?? 0) / 1000)],
          ["tick, p99", msOf((node.work_us[1] ?? 0) / 1000)],
          ["late, median", msOf((node.late_us[0] ?? 0) / 1000)],
          ["late, p99", msOf((node.late_us[1] ?? 0) / 1000)],
          ["overload level", String(node.level)],
          ["slow ticks", of("slow_ticks")],
          ["dropped ticks", of("ticks_dropped")],
          ["failed hooks", of("hook_failures")],
        ]],
        ["Players", [
          ["joins", of("joins")],
          ["resumes", of("resumes")],
          ["held seats", String(node.held)],
          ["behind", String(node.behind)],
          ["deltas left out", of("deltas_skipped")],
          ["full states asked for", of("resyncs")],
          ["muted texts", of("texts_muted")],
          ["reports", of("reports")],
        ]],
        ["Bytes", [
          ["sent", bytesOf(counts.bytes_out ?? 0)],
          ["received", bytesOf(counts.bytes_in ?? 0)],
          ["of deltas", bytesOf(counts.delta_bytes ?? 0)],
          ["of journals", bytesOf(counts.journal_bytes ?? 0)],
        ]],
        ["Refusals", [...node.refusals].sort(([, one], [, other]) => other - one).map(([why, count]) => [why, String(count)])],
        ["Collector", [["full collections", of("collections")], ["their time", msOf((counts.collections_us ?? 0) / 1000)]]],
        ["Storage", storage],
      ];
      const lists = groups.map(([title, rows]) => {
        const list = make("dl", "", "", rows.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
        return make("div", "group", "", [make("h3", "", title), rows.length === 0 ? make("p", "hint", "none") : list]);
      });
      const drain = rowButton("Drain", node.name || "this server", () => void this.#actions.drain(node.name));
      drain.toggleAttribute("disabled", !node.ready);
      const head = make("div", "bar", "", [
        make("b", "", node.name || "This server"),
        make("span", node.ready ? "good" : "warn", node.ready ? "ready" : "draining"),
        make("span", "tools", "", [drain]),
      ]);
      return make("article", "node", "", [head, make("div", "groups", "", lists)]);
    });
    // A button that is being pressed stays.
    if (!byId("nodes").contains(document.activeElement)) byId("nodes").replaceChildren(...cards);
  }

  /** Show one of the views; narrow pages show nothing else. @param {string} view */
  turnTo(view) {
    this.#view = view;
    document.body.dataset.view = view;
    for (const button of byId("views").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    void this.#load(view);
    this.#drawnMs = -Infinity;
    this.#draw();
  }

  /** @param {string} action */
  #acted(action) {
    if (["penalties", "audit", "reports"].includes(this.#view)) void this.#load(this.#view);
    if (action === "drain") byId("nodes").replaceChildren();
  }

  /** Ask for what a view shows that is no figure. @param {string} view */
  async #load(view) {
    const connection = this.#connection;
    if (connection === null || !["penalties", "audit", "reports"].includes(view)) return;
    try {
      const told = await connection.act(view, view === "penalties" ? {} : { limit: 200 });
      if (view === "penalties") this.#penalties.show(told);
      if (view === "audit") this.#audit.show(told);
      if (view === "reports") this.#showReports(told);
    } catch {
      // The header says that the connection is gone.
    }
  }

  /** @param {any[]} reports */
  #showReports(reports) {
    const items = reports.map((report) => {
      const [seat, name, identity, address] = report.about;
      const texts = report.texts.map((/** @type {any[]} */ [, speaker, text]) => make("li", "", `${speaker}: ${text}`));
      const head = make("div", "bar", "", [
        make("b", "", `${name} (seat ${seat} of ${report.room})`),
        make("span", "hint", `${timeOf(report.at_s)}, by ${report.by[1]}, tick ${report.tick}`),
      ]);
      const tools = make("span", "tools", "");
      if (report.closed_by === "") tools.append(rowButton("Close", `report ${report.id}`, () => void this.#actions.carryOut("close-report", { report: report.id })));
      else tools.append(make("span", "hint", `closed by ${report.closed_by}`));
      head.append(tools);
      const journal = report.journal === "" ? [] : [make("code", "", `gameserver replay ${report.journal} --serve`)];
      return make("article", report.closed_by === "" ? "report" : "report closed", "", [
        head,
        make("p", "", report.reason),
        make("p", "hint", [identity, address].filter(Boolean).join(" · ")),
        make("ol", "texts", "", texts),
        ...journal,
      ]);
    });
    byId("reports-list").replaceChildren(...(items.length === 0 ? [make("p", "hint", "No player has reported another.")] : items));
  }

  // -------------------------------------------------------------- tables

  #roomsTable() {
    return /** @type {Table<RoomFigures>} */ (
      new Table(
        byId("rooms-table"),
        [
          { name: "room", text: ({ label, locked }) => (locked ? `${label} 🔒` : label), sort: ({ label }) => label },
          { name: "players", text: ({ players }) => String(players), sort: ({ players }) => players, figure: true },
          {
            name: "load",
            text: ({ load }) => percent(load / 1000),
            sort: ({ load }) => load,
            state: ({ load }) => (load > 900 ? "bad" : load > 600 ? "warn" : ""),
            figure: true,
          },
          { name: "tick", text: ({ work_us: work }) => msOf((work[0] ?? 0) / 1000), sort: ({ work_us: work }) => work[0] ?? 0, figure: true },
          {
            name: "level",
            text: ({ level }) => (level === 0 ? "–" : String(level)),
            sort: ({ level }) => level,
            state: ({ level }) => (level > 2 ? "bad" : level > 0 ? "warn" : ""),
            figure: true,
          },
          { name: "behind", text: ({ behind }) => (behind === 0 ? "–" : String(behind)), sort: ({ behind }) => behind, figure: true },
        ],
        ({ label }) => label,
        { choose: (room) => this.chooseRoom(room), sortedBy: 2 },
      )
    );
  }

  /** @param {RoomFigures} room */
  chooseRoom(room) {
    this.#choose(room);
    this.turnTo("room");
  }

  /** @param {RoomFigures} room */
  #choose(room) {
    this.#room.choose(room);
    this.#connection?.watch(room.label);
  }

  #penaltiesTable() {
    return /** @type {Table<any>} */ (
      new Table(
        byId("penalties-table"),
        [
          { name: "what", text: ({ kind }) => kind },
          { name: "who", text: ({ subject }) => subject, sort: ({ subject }) => subject },
          { name: "until", text: ({ until_s: until }) => (until === null ? "without end" : timeOf(until)) },
          { name: "reason", text: ({ reason }) => reason },
          { name: "by", text: ({ operator }) => operator },
          { name: "since", text: ({ since_s: since }) => timeOf(since) },
        ],
        ({ kind, of, subject }) => `${kind} ${of} ${subject}`,
        {
          actions: ({ kind, of, subject }) => [
            rowButton("End", subject, () => void this.#actions.carryOut(kind === "ban" ? "unban" : "unmute", { [of]: subject })),
          ],
        },
      )
    );
  }

  #auditTable() {
    return /** @type {Table<any>} */ (
      new Table(
        byId("audit-table"),
        [
          { name: "when", text: ({ at_s: at }) => timeOf(at) },
          { name: "who", text: ({ operator, came_from: from }) => `${operator}, ${from}` },
          { name: "what", text: ({ action }) => action },
          { name: "to", text: ({ arguments: given }) => Object.entries(given).map(([name, value]) => `${name} ${value}`).join(", ") },
          { name: "result", text: ({ result }) => result, state: ({ result }) => (result.startsWith("refused") || result === "failed" ? "warn" : "") },
        ],
        ({ id }) => String(id),
      )
    );
  }
}
