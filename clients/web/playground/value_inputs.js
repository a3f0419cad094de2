/**
 * Inputs for values of any type that a schema has: numbers, enums, lists, values in values.
 *
 * Owns the elements, and reading what they hold.  Limits are checked by `net/commands.js`, whose
 * errors the forms show.
 */

import { make } from "../elements.js";

/** @typedef {import("../net/fieldtypes.js").FieldType} FieldType */

/**
 * @typedef {object} Limits
 * @property {number | null} low
 * @property {number | null} high
 * @property {number | null} maxLength
 */

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {() => any} read  the value; throws what the page would show
 */

/** A wider range gets no slider: one pixel would be too many values. */
const SLIDER_STEPS = 10_000;
const FLOAT_STEPS = 200;
const MAX_MEMBERS = 1000;

/**
 * A labelled input for a field.
 * @param {string} name
 * @param {FieldType} type
 * @param {Limits} limits
 * @param {any} value  its first value; undefined: the type's plainest
 * @returns {Field}
 */
export function fieldOf(name, type, limits, value) {
  const inner = inputOf(type, limits, value);
  const isGroup = inner.element instanceof HTMLFieldSetElement;
  if (isGroup) {
    inner.element.prepend(make("legend", "", name));
    return inner;
  }
  const label = make("label", "field", "", [make("span", "", name)]);
  label.append(inner.element);
  return { element: label, read: inner.read };
}

/** @param {FieldType} type @param {Limits} limits @param {any} value @returns {Field} */
function inputOf(type, limits, value) {
  switch (type.name) {
    case "bool":
      return checkbox(value ?? false);
    case "int":
    case "steps":
    case "float32":
      return number(type, limits, value ?? clamp(0, limits));
    case "entity":
      return number(type, { ...limits, low: 1, high: null }, value ?? 1);
    case "enum":
      return choice(type, value);
    case "bytes":
      return bytes(value ?? new Uint8Array());
    case "optional":
      return optional(type.items[0], limits, value ?? null);
    case "list":
      return list(type.items[0], limits, value ?? []);
    case "tuple":
      return group(type.items.map((item, index) => ({ ...limits, name: `${index + 1}`, type: item })), value, (parts) => parts);
    case "value": {
      const names = type.fields.map(({ name }) => name);
      const given = value === undefined ? undefined : names.map((name) => value[name]);
      return group(type.fields, given, (parts) => Object.fromEntries(parts.map((part, at) => [names[at], part])));
    }
    case "dict":
      return dict(type, limits, value ?? new Map());
    default:
      return text(value ?? "", limits);
  }
}

/** @param {number} value @param {Limits} limits */
function clamp(value, { low, high }) {
  return Math.min(Math.max(value, low ?? -Infinity), high ?? Infinity);
}

/** @param {boolean} value @returns {Field} */
function checkbox(value) {
  const input = document.createElement("input");
  input.type = "checkbox";
  input.checked = value;
  return { element: input, read: () => input.checked };
}

/** @param {FieldType} type @param {Limits} limits @param {number} value @returns {Field} */
function number(type, { low, high }, value) {
  const input = document.createElement("input");
  input.type = "number";
  input.step = type.name === "int" || type.name === "entity" ? "1" : "any";
  input.required = true;
  if (low !== null) input.min = String(low);
  if (high !== null) input.max = String(high);
  input.valueAsNumber = rounded(value);
  const read = () => input.valueAsNumber;
  if (low === null || high === null) return { element: input, read };
  const step = type.name === "int" ? 1 : (type.step ?? (high - low) / FLOAT_STEPS);
  if ((high - low) / step > SLIDER_STEPS) return { element: input, read };
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: String(low), max: String(high), step: String(step) });
  slider.tabIndex = -1; // the number beside it is for the keyboard
  slider.setAttribute("aria-hidden", "true");
  slider.valueAsNumber = value;
  slider.addEventListener("input", () => (input.valueAsNumber = rounded(slider.valueAsNumber)));
  input.addEventListener("input", () => (slider.valueAsNumber = input.valueAsNumber));
  return { element: make("span", "range", "", [input, slider]), read }; // the label names the first
}

/** @param {number} value */
function rounded(value) {
  return Number(value.toFixed(4));
}

/** @param {FieldType} type @param {any} value @returns {Field} */
function choice(type, value) {
  const select = document.createElement("select");
  for (let at = 0; at < MAX_MEMBERS && type.fromWire(at) !== undefined; at += 1) {
    select.append(new Option(type.fromWire(at)));
  }
  if (value !== undefined) select.value = value;
  return { element: select, read: () => select.value };
}

/** @param {string} value @param {Limits} limits @returns {Field} */
function text(value, { maxLength }) {
  const input = document.createElement("input");
  input.value = value;
  input.autocomplete = "off";
  if (maxLength !== null) input.maxLength = maxLength;
  return { element: input, read: () => input.value };
}

/** Typed as hexadecimal digits. @param {Uint8Array} value @returns {Field} */
function bytes(value) {
  const input = document.createElement("input");
  input.value = [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  input.pattern = "([0-9a-fA-F]{2})*";
  input.placeholder = "hexadecimal digits";
  const read = () => new Uint8Array((input.value.match(/../g) ?? []).map((pair) => parseInt(pair, 16)));
  return { element: input, read };
}

/** @param {FieldType} type @param {Limits} limits @param {any} value @returns {Field} */
function optional(type, limits, value) {
  const given = document.createElement("input");
  given.type = "checkbox";
  given.checked = value !== null;
  given.setAttribute("aria-label", "given");
  const inner = inputOf(type, limits, value ?? undefined);
  const show = () => (inner.element.hidden = !given.checked);
  given.addEventListener("change", show);
  show();
  const element = document.createElement("fieldset");
  element.append(given, inner.element);
  return { element, read: () => (given.checked ? inner.read() : null) };
}

/**
 * @param {(Limits & { name: string, type: FieldType })[]} fields
 * @param {any[] | undefined} values
 * @param {(parts: any[]) => any} join
 * @returns {Field}
 */
function group(fields, values, join) {
  const inputs = fields.map((field, at) => fieldOf(field.name, field.type, field, values?.[at]));
  const element = document.createElement("fieldset");
  element.append(...inputs.map((each) => each.element));
  return { element, read: () => join(inputs.map((each) => each.read())) };
}

/** @param {FieldType} type @param {Limits} limits @param {any[]} values @returns {Field} */
function list(type, limits, values) {
  const inner = { ...limits, maxLength: null };
  return rows(values, (value) => inputOf(type, inner, value), (parts) => parts);
}

/** @param {FieldType} type @param {Limits} limits @param {Map<any, any>} values @returns {Field} */
function dict(type, limits, values) {
  const none = { ...limits, maxLength: null };
  const [key, item] = type.items;
  const pair = (/** @type {any} */ entry) =>
    group([{ ...none, name: "key", type: key }, { ...none, name: "value", type: item }], entry, (parts) => parts);
  return rows([...values], pair, (parts) => new Map(parts));
}

/**
 * Inputs of which there may be any number.
 * @param {any[]} values
 * @param {(value: any) => Field} inputFor
 * @param {(parts: any[]) => any} join
 * @returns {Field}
 */
function rows(values, inputFor, join) {
  /** @type {Set<Field>} */
  const fields = new Set();
  const element = document.createElement("fieldset");
  const more = make("button", "quiet", "Add");
  const add = (/** @type {any} */ value) => {
    const field = inputFor(value);
    fields.add(field);
    const less = make("button", "quiet", "Remove");
    const row = make("div", "row", "", [field.element, less]);
    less.addEventListener("click", () => {
      fields.delete(field);
      row.remove();
    });
    less.setAttribute("type", "button");
    more.before(row);
  };
  more.setAttribute("type", "button");
  more.addEventListener("click", () => add(undefined));
  element.append(more);
  values.forEach(add);
  return { element, read: () => join([...fields].map((field) => field.read())) };
}
