/**
 * The rules for texts and names of players (protocol document, "Texts and names").
 *
 * Owns the characters that no text may hold, the invisible ones, and cleaning a typed text.  The
 * server's twin is `gameserver/protocol/texts.py`; `tests/vectors/texts.json` tests both.  Pure.
 */

export const MAX_NAME_LENGTH = 24;

/** Line breaks and tabs: cleaning makes them spaces. */
const BREAKS = "\\t-\\r\\x85\\u2028\\u2029";
/** Control characters, bidirectional embeddings, overrides and isolates, half a surrogate pair. */
const FORBIDDEN =
  "\\0-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u206f" +
  "\\ufff9-\\ufffb\\ufffe\\uffff\\ud800-\\udfff";
const SPACES = " \\xa0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u2800\\u3000";
/** Characters that are invisible alone, besides spaces: joiners, selectors, fillers, tags. */
const UNSEEN =
  "\\xad\\u034f\\u061c\\u070f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f" +
  "\\u2060-\\u2065\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8\\ufffc" +
  "\\u{13430}-\\u{13442}\\u{1bca0}-\\u{1bca3}\\u{1d159}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}";
const PRIVATE = "\\ue000-\\uf8ff\\u{f0000}-\\u{10ffff}";
const EMOJI = "\\u2190-\\u27bf\\u2900-\\u2bff\\u{1f000}-\\u{1faff}";
/** One character of a name as people count them: an emoji of several parts, or any other. */
const PART =
  `[${EMOJI}]\\ufe0f?(?:\\u200d[${EMOJI}]\\ufe0f?)*` +
  `|[^${EMOJI}${FORBIDDEN}${SPACES}${UNSEEN}${PRIVATE}]`;

const NOT_ALLOWED = new RegExp(`[${FORBIDDEN}]`, "u");
const ALL_NOT_ALLOWED = new RegExp(NOT_ALLOWED, "gu");
const ALL_BREAKS = new RegExp(`[${BREAKS}]`, "gu");
const SEEN = new RegExp(`[^${FORBIDDEN}${SPACES}${UNSEEN}]`, "u");
const NAME = new RegExp(`^(?:${PART}| )+$`, "u");
const PARTS_AND_SPACES = new RegExp(`${PART}|[${SPACES}${BREAKS}]`, "gu");
const ALL_SPACES = new RegExp(`[${SPACES}${BREAKS}]+`, "gu");
const SPACES_AT_ENDS = /^ +| +$/g;

/**
 * Whether a player may say this; the length is another matter.
 * @param {string} text
 */
export function canBeSaid(text) {
  return !NOT_ALLOWED.test(text) && SEEN.test(text);
}

/**
 * A typed text without forbidden characters, line breaks as spaces; "" if nothing is visible.
 * @param {string} typed
 */
export function cleanText(typed) {
  const clean = trimmed(typed.replace(ALL_BREAKS, " ").replace(ALL_NOT_ALLOWED, ""));
  return SEEN.test(clean) ? clean : "";
}

/**
 * Whether a player may be called this.
 * @param {string} name
 */
export function canBeName(name) {
  const length = [...name].length;
  return length >= 1 && length <= MAX_NAME_LENGTH && name === trimmed(name) && NAME.test(name);
}

/**
 * A typed name without forbidden characters, its spaces single; may be empty.
 * @param {string} typed
 */
export function cleanName(typed) {
  const clean = trimmed(partsOf(typed).replace(ALL_SPACES, " "));
  // A cut within an emoji of several parts leaves a joiner behind.
  return trimmed(partsOf([...clean].slice(0, MAX_NAME_LENGTH).join("")));
}

/** @param {string} name */
function partsOf(name) {
  return (name.match(PARTS_AND_SPACES) ?? []).join("");
}

/** @param {string} text */
function trimmed(text) {
  return text.replace(SPACES_AT_ENDS, "");
}
