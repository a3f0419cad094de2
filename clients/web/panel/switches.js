/**
 * The switches of the netcode, each with a text about its present state.
 *
 * Owns their elements.  The game applies a switch.
 */

import { make } from "../elements.js";

/** @typedef {"prediction" | "interpolation" | "compensation" | "ghost"} SwitchName */
/** @typedef {Record<SwitchName, boolean>} Switches */

/** @type {{name: SwitchName, label: string, on: string, off: string}[]} */
const TEXTS = [
  {
    name: "prediction",
    label: "Prediction",
    on: "Your ship answers at once.",
    off: "Your ship answers after a round trip.",
  },
  {
    name: "interpolation",
    label: "Interpolation",
    on: "Others glide, a little in the past.",
    off: "Others jump as news of them comes.",
  },
  {
    name: "compensation",
    label: "Lag compensation",
    on: "What you aim at is what you hit.",
    off: "Aim ahead: the server looks at the rings.",
  },
  {
    name: "ghost",
    label: "Server’s ghost",
    on: "Outlined: your ship as last heard of.",
    off: "Outlines your ship as last heard of.",
  },
];

/** The default switches. @returns {Switches} */
export function defaultSwitches() {
  return { prediction: true, interpolation: true, compensation: true, ghost: false };
}

/**
 * Fill `parent` with the switches.
 * @param {HTMLElement} parent
 * @param {Switches} switches  changed in place
 * @param {(name: SwitchName) => void} changed
 */
export function showSwitches(parent, switches, changed) {
  for (const { name, label, on, off } of TEXTS) {
    const input = document.createElement("input");
    input.type = "checkbox";
    input.role = "switch";
    input.id = `switch-${name}`;
    const note = make("small", "");
    note.id = `switch-${name}-note`;
    input.setAttribute("aria-describedby", note.id);
    const show = () => {
      input.checked = switches[name];
      note.textContent = switches[name] ? on : off;
    };
    input.addEventListener("change", () => {
      switches[name] = input.checked;
      show();
      changed(name);
    });
    show();
    const words = make("span", "words", "", [make("b", "", label), note]);
    const line = make("label", "switch");
    line.append(input, make("i", ""), words);
    parent.append(line);
  }
}
