/**
 * The controls of the link to play over: a choice of profiles, and sliders for the parts of a link.
 *
 * Owns their elements and the meaning of the sliders.  Moving a slider makes a custom link.  The
 * link itself is in `lab/`.
 */

import { make } from "../elements.js";
import { linkNamed, LINKS, rttMs } from "../lab/profiles.js";

/** @typedef {import("../lab/conditioned_socket.js").LabLink} LabLink */
/** @typedef {import("../lab/conditioner.js").Path} Path */
/** @typedef {import("../lab/profiles.js").Link} Link */

/** The names in the radio group for no link, and for a custom link. */
const REAL = "as it is";
const OWN = "custom";
const BITS = 8;
/** The stops of the bandwidth slider in kbit/s; a game needs little, so most stops are low. */
const BANDWIDTHS = [
  48, 64, 96, 128, 192, 256, 384, 512, 1000, 2000, 5000, 8000, 10_000, 29_500, 100_000, 1_000_000,
];
const OUTAGE_MS = { leastMs: 200, mostMs: 1500 };
const MINUTE_MS = 60_000;

/** @type {Path} */
const PERFECT = { delayMs: 0, jitterMs: 0, bytesPerS: Infinity, loss: 0 };
/** @type {Link} */
const NOTHING = {
  up: PERFECT,
  down: PERFECT,
  outages: { everyMs: Infinity, leastMs: 0, mostMs: 0 },
};

/**
 * One slider: its stops count from 0.
 * @typedef {object} Dial
 * @property {string} label
 * @property {number} last  the highest stop
 * @property {(link: Link) => number} stop  where it stands for a link
 * @property {(link: Link, stop: number) => Link} turned  the link after it was moved there
 * @property {(link: Link) => string} says
 */

/** @type {Dial[]} */
const DIALS = [
  {
    label: "Round trip",
    last: 80,
    stop: (link) => rttMs(link) / 5,
    turned: (link, stop) => {
      const now = rttMs(link);
      const share = now === 0 ? 0.5 : link.up.delayMs / now;
      return bothWays(link, { delayMs: stop * 5 * share }, { delayMs: stop * 5 * (1 - share) });
    },
    says: (link) => `${round(rttMs(link))} ms`,
  },
  {
    label: "Jitter",
    last: 60,
    stop: (link) => link.up.jitterMs + link.down.jitterMs,
    turned: (link, stop) => bothWays(link, { jitterMs: stop / 2 }, { jitterMs: stop / 2 }),
    says: (link) => `${round(link.up.jitterMs + link.down.jitterMs)} ms`,
  },
  {
    label: "Bandwidth",
    last: BANDWIDTHS.length,
    stop: ({ down }) => {
      const stop = BANDWIDTHS.findIndex((each) => each >= kbitPerS(down));
      return stop === -1 ? BANDWIDTHS.length : stop;
    },
    turned: (link, stop) => {
      const bytesPerS = ((BANDWIDTHS[stop] ?? Infinity) * 1000) / BITS;
      return bothWays(link, { bytesPerS }, { bytesPerS });
    },
    says: ({ down }) => bandwidth(kbitPerS(down)),
  },
  {
    label: "Stalls",
    last: 50,
    stop: ({ down }) => down.loss * 1000,
    turned: (link, stop) => bothWays(link, { loss: stop / 1000 }, { loss: stop / 1000 }),
    says: ({ down }) => `${round(down.loss * 100)} % lost`,
  },
  {
    label: "Outages",
    last: 12,
    stop: ({ outages }) => MINUTE_MS / outages.everyMs,
    turned: (link, stop) => ({
      ...link,
      outages: { ...OUTAGE_MS, everyMs: stop === 0 ? Infinity : MINUTE_MS / stop },
    }),
    says: ({ outages }) => `${round(MINUTE_MS / outages.everyMs)} a minute`,
  },
];

export class LinkControls {
  #lab;
  /** @type {Map<string, HTMLInputElement>} */ #choices = new Map();
  /** @type {{dial: Dial, input: HTMLInputElement, value: HTMLElement}[]} */ #sliders = [];

  /**
   * @param {HTMLElement} parent
   * @param {LabLink} lab
   */
  constructor(parent, lab) {
    this.#lab = lab;
    const chips = make("div", "chips");
    for (const name of [REAL, ...Object.keys(LINKS), OWN]) chips.append(this.#choice(name));
    const sliders = make("div", "sliders");
    for (const dial of DIALS) sliders.append(this.#slider(dial));
    parent.append(chips, sliders);
    this.#show(nameOf(lab.link));
  }

  /** @param {string} name */
  #choice(name) {
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "link";
    input.value = name;
    input.addEventListener("change", () => this.#choose(name));
    this.#choices.set(name, input);
    const chip = make("label", "chip");
    chip.append(input, make("span", "", name));
    return chip;
  }

  /** @param {Dial} dial */
  #slider(dial) {
    const input = document.createElement("input");
    input.type = "range";
    input.min = "0";
    input.max = String(dial.last);
    input.addEventListener("input", () => {
      this.#lab.link = dial.turned(this.#lab.link ?? NOTHING, input.valueAsNumber);
      this.#show(OWN);
    });
    const value = make("output", "");
    this.#sliders.push({ dial, input, value });
    const label = make("label", "slider", "", [make("span", "", dial.label), value]);
    label.append(input);
    return label;
  }

  /** @param {string} name */
  #choose(name) {
    if (name === REAL) this.#lab.link = null;
    else if (name === OWN) this.#lab.link ??= NOTHING;
    else this.#lab.link = linkNamed(name);
    this.#show(name);
  }

  /** @param {string} name */
  #show(name) {
    const choice = this.#choices.get(name);
    if (choice !== undefined) choice.checked = true;
    const link = this.#lab.link ?? NOTHING;
    for (const { dial, input, value } of this.#sliders) {
      input.valueAsNumber = Math.round(dial.stop(link));
      value.textContent = dial.says(link);
      input.setAttribute("aria-valuetext", dial.says(link));
    }
  }
}

/** @param {Link | null} link */
function nameOf(link) {
  if (link === null) return REAL;
  return Object.keys(LINKS).find((name) => LINKS[name] === link) ?? OWN;
}

/**
 * @param {Link} link
 * @param {Partial<Path>} up  what changes there
 * @param {Partial<Path>} down
 * @returns {Link}
 */
function bothWays(link, up, down) {
  return { ...link, up: { ...link.up, ...up }, down: { ...link.down, ...down } };
}

/** @param {Path} path */
function kbitPerS({ bytesPerS }) {
  return (bytesPerS * BITS) / 1000;
}

/** @param {number} kbit  per second */
function bandwidth(kbit) {
  if (kbit === Infinity) return "no limit";
  return kbit < 1000 ? `${round(kbit)} kbit/s` : `${round(kbit / 1000)} Mbit/s`;
}

/** With one decimal where that says something. @param {number} value */
function round(value) {
  return String(Number(value.toFixed(value < 10 ? 1 : 0)));
}
