/**
 * Quiet synthesised sound, which is off until the player switches it on.
 *
 * Owns the audio context and the recipes of sounds.  Browsers demand a gesture, so the context is
 * made when sound is first switched on.  No assets.  Of a burst of equal sounds, only some are
 * played.
 */

/** @typedef {"shot" | "hit" | "hurt" | "kill" | "death" | "blast" | "dash" | "pickup" | "round"} SoundName */

/**
 * How a sound is made: an oscillator that glides (`noise` false) or filtered noise.
 * @typedef {object} Recipe
 * @property {OscillatorType | "noise"} wave
 * @property {number} from  Hz, of the tone or of the filter
 * @property {number} to
 * @property {number} length_s
 * @property {number} loud  0 … 1
 */

/** @type {Record<SoundName, Recipe[]>} */
const RECIPES = {
  shot: [{ wave: "triangle", from: 880, to: 240, length_s: 0.09, loud: 0.16 }],
  hit: [{ wave: "square", from: 520, to: 760, length_s: 0.05, loud: 0.07 }],
  hurt: [{ wave: "sawtooth", from: 190, to: 70, length_s: 0.16, loud: 0.2 }],
  kill: [
    { wave: "sine", from: 520, to: 780, length_s: 0.13, loud: 0.22 },
    { wave: "sine", from: 780, to: 1170, length_s: 0.26, loud: 0.16 },
  ],
  death: [
    { wave: "noise", from: 1400, to: 90, length_s: 0.6, loud: 0.34 },
    { wave: "sine", from: 120, to: 40, length_s: 0.5, loud: 0.3 },
  ],
  blast: [{ wave: "noise", from: 700, to: 60, length_s: 0.5, loud: 0.36 }],
  dash: [{ wave: "noise", from: 500, to: 2600, length_s: 0.2, loud: 0.12 }],
  pickup: [{ wave: "sine", from: 440, to: 990, length_s: 0.18, loud: 0.18 }],
  round: [{ wave: "triangle", from: 330, to: 660, length_s: 0.5, loud: 0.22 }],
};

/** The same sound again within this time is dropped. */
const THIN_S = 0.045;
const MASTER = 0.5;

export class Sound {
  /** @type {AudioContext | null} */ #audio = null;
  /** @type {GainNode | null} */ #master = null;
  /** @type {AudioBuffer | null} */ #noise = null;
  #on = false;
  /** @type {Map<SoundName, number>} */
  #lastPlayed = new Map();

  get on() {
    return this.#on;
  }

  /** Switch on or off. @returns {boolean} whether it is on now */
  toggle() {
    this.#on = !this.#on;
    if (this.#on && this.#audio === null) this.#open();
    // A context may wait for a gesture or be refused; without it, the game is silent and goes on.
    const changed = this.#on ? this.#audio?.resume() : this.#audio?.suspend();
    changed?.catch(() => (this.#on = false));
    return this.#on;
  }

  /** @param {SoundName} name @param {number} [loud]  0 … 1 */
  play(name, loud = 1) {
    const audio = this.#audio;
    if (!this.#on || audio === null || loud <= 0.02) return;
    if (audio.currentTime - (this.#lastPlayed.get(name) ?? -1) < THIN_S) return;
    this.#lastPlayed.set(name, audio.currentTime);
    for (const recipe of RECIPES[name]) this.#sound(audio, recipe, loud);
  }

  #open() {
    const audio = new AudioContext();
    const limiter = audio.createDynamicsCompressor();
    const master = audio.createGain();
    master.gain.value = MASTER;
    master.connect(limiter).connect(audio.destination);
    const noise = audio.createBuffer(1, audio.sampleRate, audio.sampleRate);
    const samples = noise.getChannelData(0);
    for (let at = 0; at < samples.length; at += 1) samples[at] = 2 * Math.random() - 1;
    this.#audio = audio;
    this.#master = master;
    this.#noise = noise;
  }

  /** @param {AudioContext} audio @param {Recipe} recipe @param {number} loud */
  #sound(audio, { wave, from, to, length_s, loud: most }, loud) {
    const start = audio.currentTime;
    const end = start + length_s;
    const gain = audio.createGain();
    gain.gain.setValueAtTime(most * loud, start);
    gain.gain.exponentialRampToValueAtTime(0.0008, end);
    gain.connect(/** @type {GainNode} */ (this.#master));
    if (wave === "noise") {
      const source = audio.createBufferSource();
      const filter = audio.createBiquadFilter();
      source.buffer = this.#noise;
      filter.type = "lowpass";
      filter.frequency.setValueAtTime(from, start);
      filter.frequency.exponentialRampToValueAtTime(to, end);
      source.connect(filter).connect(gain);
      source.start(start, Math.random() * 0.3);
      source.stop(end);
    } else {
      const source = audio.createOscillator();
      source.type = wave;
      source.frequency.setValueAtTime(from, start);
      source.frequency.exponentialRampToValueAtTime(to, end);
      source.connect(gain);
      source.start(start);
      source.stop(end);
    }
  }
}
