/**
 * The values that the arena's page remembers between visits, in the storage of the browser.
 *
 * Owns reading and writing them.  Never trusts one: callers check what they read.  A private window
 * remembers nothing, and the page works without.
 */

const PREFIX = "gameserver.arena.";

/** The value that was remembered last; null for none, or an invalid one. @param {string} name @returns {any} */
export function remembered(name) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} name @param {any} value */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A private window has no storage.
  }
}
