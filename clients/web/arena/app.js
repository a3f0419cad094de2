/**
 * The page, wired: client → scene → canvas and panels; keys and thumbs → commands.
 *
 * Owns the frame loop, the loop of commands, and whether the player flies or watches.  Each part
 * does its work in its own file; this file only connects them.
 */

import { byId } from "../elements.js";
import { NetworkPanel } from "../panel/panel.js";
import { isReplay } from "../replay/replay_panel.js";
import { Board } from "./board.js";
import { Camera } from "./camera.js";
import { Career } from "./career.js";
import { Chat } from "./chat.js";
import { Controls } from "./controls.js";
import { Cooldowns } from "./cooldowns.js";
import { Effects } from "./effects.js";
import { happen } from "./happenings.js";
import { Hints } from "./hints.js";
import { Input } from "./input.js";
import { Minimap } from "./minimap.js";
import { ArenaNetcode } from "./netcode.js";
import { Notices } from "./notices.js";
import { Overlay } from "./overlay.js";
import { Painter } from "./painter.js";
import { ReplayCamera } from "./replay_camera.js";
import { Scene } from "./scene.js";
import { Sound } from "./sound.js";
import { StartCard } from "./start_card.js";
import { Touch } from "./touch.js";
import { Viewpoint } from "./viewpoint.js";

/** @typedef {import("../net/client.js").GameClient} GameClient */
/** @typedef {import("./start_card.js").Pilot} Pilot */

/** The longest time that a frame may advance: after a pause the world jumps instead of racing. */
const LONGEST_FRAME_S = 0.1;
/** A seat that no pilot has. */
const NO_SEAT = -1;

/** Figures for tests. @typedef {{frames: number, fps: number, drawMs: number}} Stats */

export class ArenaPage {
  /** @type {Stats} */
  stats = { frames: 0, fps: 0, drawMs: 0 };

  /** The scene on the screen; tests read it. */
  scene = new Scene();

  #client;
  #camera = new Camera();
  #viewpoint = new Viewpoint();
  #painter = new Painter(byId("stage", HTMLCanvasElement));
  #minimap = new Minimap(byId("minimap", HTMLCanvasElement));
  #effects = new Effects();
  #overlay = new Overlay();
  #board = new Board();
  #cooldowns = new Cooldowns();
  #notices = new Notices();
  #hints = new Hints();
  #sound = new Sound();
  #controls = new Controls();
  #chat;
  #card;
  #career;
  #input;
  #touch;
  #netcode;
  #panel;
  /** Timer of the next command, which would be late if it waited for the next frame. */
  #beat = 0;
  /** The pilot that flies; null while watching. @type {Pilot | null} */
  #pilot = null;
  #lastMs = NaN;
  /** @type {ReplayCamera | null} */ #replay = null;

  /**
   * @param {GameClient} client  not yet connected
   * @param {Pilot | null} given  the pilot that the address names
   * @param {import("../lab/conditioned_socket.js").LabLink} lab  the link that the client's sockets go through
   */
  constructor(client, given, lab) {
    this.#client = client;
    this.#netcode = new ArenaNetcode(client, this.scene, lab);
    this.#panel = new NetworkPanel(this.#netcode);
    const stage = byId("stage");
    this.#card = new StartCard(given, (pilot) => this.play(pilot));
    this.#career = new Career(client.stored);
    this.#chat = new Chat((text) => client.say(text));
    const isFlying = () => this.#pilot !== null;
    this.#input = new Input(
      this.#controls,
      {
        chat: () => this.#openChat(),
        sound: () => this.#toggleSound(),
        board: (whole) => this.#showScores(whole),
        network: () => this.#panel.toggle(true),
        isFlying,
      },
      stage,
    );
    this.#touch = new Touch(
      this.#controls,
      stage,
      { dash: byId("dash"), mine: byId("mine") },
      isFlying,
    );
    this.#wireButtons();
    this.#wireClient();
    this.#wireMotion();
    requestAnimationFrame((nowMs) => this.#frame(nowMs));
  }

  /** Leave the stands and fly. @param {Pilot} pilot */
  play(pilot) {
    this.#pilot = pilot;
    this.#card.show(false);
    byId("leave").hidden = false;
    // Not connected: nothing is sent now, and the next welcome sends it.
    this.#client.send("Play", { ...pilot });
  }

  /** The room runs a game that this page cannot show. */
  tellOfAnotherGame() {
    this.#notices.anotherGame();
  }

  #showReplay() {
    this.#replay ??= new ReplayCamera(
      this.#client,
      byId("stage"),
      this.#viewpoint,
      this.#camera,
    );
    this.#pilot = null;
    this.#card.show(false);
    document.body.classList.add("replaying");
  }

  #watch() {
    this.#pilot = null;
    this.#controls.releaseAll();
    byId("leave").hidden = true;
    this.#client.send("Watch");
    this.#card.show(true);
    void this.#career.refresh(performance.now());
  }

  #openChat() {
    if (this.#pilot === null) {
      byId("start-form", HTMLFormElement).requestSubmit(byId("play"));
    } else {
      this.#controls.releaseAll();
      this.#chat.open();
    }
  }

  #toggleSound() {
    byId("sound").setAttribute("aria-pressed", String(this.#sound.toggle()));
  }

  /** @param {boolean} whole  all pilots, or the best */
  #showScores(whole) {
    this.#board.whole = whole;
    byId("scores").setAttribute("aria-pressed", String(whole));
  }

  #wireButtons() {
    byId("scores").addEventListener("click", () => this.#showScores(!this.#board.whole));
    byId("chat-open").addEventListener("click", () => this.#chat.open());
    byId("sound").addEventListener("click", () => this.#toggleSound());
    byId("leave").addEventListener("click", () => this.#watch());
    byId("hud").addEventListener("click", ({ detail }) => {
      // A button that the mouse pressed must not keep the focus: space and Enter are for flying.
      const pressed = document.activeElement;
      if (detail > 0 && pressed instanceof HTMLButtonElement) pressed.blur();
    });
    byId("banner-again").addEventListener("click", () => location.reload());
  }

  #wireClient() {
    const client = this.#client;
    const scene = this.scene;
    client.on("state", (change) => {
      this.#notices.connection(change, performance.now());
      this.#card.connection(change.state);
    });
    client.on("welcome", ({ seat, tickRate, resumed, schema }) => {
      if (resumed) {
        scene.resume();
        this.#notices.resumed(performance.now());
        if (this.#pilot === null && this.#replay === null) client.send("Watch"); // the last may be lost
        return;
      }
      const { tickClock: clock, lead } = client;
      if (isReplay(schema)) this.#showReplay();
      // In a replay the seats are those of its players, none of which is ours.
      const own = this.#replay === null ? seat : NO_SEAT;
      if (clock !== null && lead !== null) scene.reset({ seat: own, tickRate, clock, lead });
      this.#overlay.attacker = null;
      if (this.#pilot !== null) client.send("Play", { ...this.#pilot });
      if (this.#replay === null) void this.#career.refresh(performance.now());
    });
    client.on("enter", (entity) => scene.enter(entity));
    client.on("leave", (entity) => scene.leave(entity));
    client.on("event", (event) => scene.event(event));
    client.on("delta", ({ tick, margin }) => scene.applied(tick, performance.now(), margin));
    client.on("said", (said) => this.#chat.heard(said, scene));
  }

  /** Players who prefer reduced motion get less shake. */
  #wireMotion() {
    const reduced = matchMedia("(prefers-reduced-motion: reduce)");
    const apply = () => (this.#camera.shakeStrength = reduced.matches ? 0.15 : 1);
    reduced.addEventListener("change", apply);
    apply();
  }

  /** @param {number} nowMs */
  #frame(nowMs) {
    requestAnimationFrame((nextMs) => this.#frame(nextMs));
    const whole_s = Number.isNaN(this.#lastMs) ? 0 : (nowMs - this.#lastMs) / 1000;
    const elapsed_s = Math.min(whole_s, LONGEST_FRAME_S);
    this.#lastMs = nowMs;
    const startedMs = performance.now();
    this.#painter.fit(this.#camera);
    this.#advance(nowMs, elapsed_s);
    this.#painter.draw(
      {
        scene: this.scene,
        camera: this.#camera,
        effects: this.#effects,
        overlay: this.#overlay,
        touch: this.#touch,
        ghost: this.#netcode.switches.ghost,
      },
      nowMs / 1000,
      elapsed_s,
    );
    this.#refreshPanels(nowMs, elapsed_s);
    this.#count(whole_s, performance.now() - startedMs);
  }

  /** Let the world on the screen go on, and steer. @param {number} nowMs @param {number} elapsed_s */
  #advance(nowMs, elapsed_s) {
    const scene = this.scene;
    const events = scene.frame(nowMs, this.#steer());
    this.#client.renderedTick = Number.isNaN(scene.playbackTick) ? null : scene.playbackTick;
    this.#viewpoint.choose(scene, this.#look(), elapsed_s);
    this.#camera.worldSize = scene.worldSize;
    this.#camera.follow(this.#viewpoint, elapsed_s);
    const show = {
      scene,
      effects: this.#effects,
      camera: this.#camera,
      sound: this.#sound,
      board: this.#board,
      overlay: this.#overlay,
      notices: this.#notices,
      now_s: nowMs / 1000,
    };
    for (const event of events) happen(event, show);
    this.#effects.pass(elapsed_s);
  }

  /** Where the mouse is between the middle of the screen and its edge, -1 … 1 each way. */
  #look() {
    const { pointer } = this.#input;
    if (pointer === null || this.#touch.inUse) return null;
    const { width, height } = this.#camera;
    return { x: (2 * pointer.x) / width - 1, y: (2 * pointer.y) / height - 1 };
  }

  /**
   * Send the command that is due, if one is, while flying.
   * @returns {import("./controls.js").Steer | undefined} the controls as they are now
   */
  #steer() {
    const scene = this.scene;
    clearTimeout(this.#beat);
    if (this.#pilot === null || document.hidden || this.#client.state !== "playing") return undefined;
    const own = scene.ownShip;
    if (own !== undefined) this.#aim(own.pose);
    const heading = scene.ownState?.heading ?? own?.entity.heading ?? 0;
    const order = scene.steer(performance.now(), () => this.#controls.take(heading));
    if (order !== null) this.#client.send("Steer", order.command, order.tick);
    const ms = scene.nextCommandMs - performance.now();
    if (!Number.isNaN(ms)) this.#beat = setTimeout(() => this.#steer(), ms);
    return this.#controls.held(heading);
  }

  /** Where the mouse points, from the own ship. @param {{x: number, y: number}} from */
  #aim(from) {
    const { pointer } = this.#input;
    if (pointer === null || this.#touch.inUse) return;
    const dx = pointer.x - this.#camera.screenX(from.x);
    const dy = pointer.y - this.#camera.screenY(from.y);
    this.#controls.aimAt(Math.atan2(dy, dx));
  }

  /** @param {number} nowMs @param {number} elapsed_s */
  #refreshPanels(nowMs, elapsed_s) {
    const scene = this.scene;
    const serverTick = this.#replay?.tick ?? this.#client.serverTickNow();
    this.#minimap.draw(scene, this.#camera, this.#painter.pixelRatio);
    this.#board.refresh(scene, serverTick, () => this.#network(), elapsed_s);
    this.#notices.refresh(scene, serverTick, this.#client.pace, nowMs);
    this.#cooldowns.refresh(scene);
    this.#hints.refresh(this.#moment(), elapsed_s);
    this.#panel.refresh(elapsed_s);
  }

  /** @returns {import("./hints.js").Moment} */
  #moment() {
    const { scene } = this;
    const heading = scene.ownState?.heading ?? 0;
    return {
      scene,
      held: this.#controls.held(heading),
      attacked: this.#overlay.attacker !== null,
      touch: this.#touch.inUse || matchMedia("(pointer: coarse)").matches,
    };
  }

  /** @returns {import("./board.js").Network} */
  #network() {
    const { rttMs, appRttMs } = this.#client.statistics();
    const players = this.#client.status?.players ?? null;
    return { rttMs: rttMs ?? appRttMs, players, pace: this.#client.pace };
  }

  /** @param {number} whole_s @param {number} drawMs */
  #count(whole_s, drawMs) {
    const { stats } = this;
    stats.frames += 1;
    if (whole_s > 0) stats.fps += (1 / whole_s - stats.fps) * 0.05;
    stats.drawMs += (drawMs - stats.drawMs) * 0.05;
  }
}
