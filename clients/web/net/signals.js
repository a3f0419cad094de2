/**
 * Named signals that a page can listen to, typed by their payload.
 *
 * Owns the listeners.  A listener that throws stops neither the others nor the sender: its error
 * is thrown again from a microtask, where the browser reports it like any uncaught error.
 */

/**
 * @template {object} Payloads  signal name → what its listeners receive
 */
export class Signals {
  /** @type {Map<keyof Payloads, Set<(payload: any) => void>>} */
  #listeners = new Map();

  /**
   * Call `listener` at every signal `name`.
   * @template {keyof Payloads} Name
   * @param {Name} name
   * @param {(payload: Payloads[Name]) => void} listener
   * @returns {() => void} call it to stop listening
   */
  on(name, listener) {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) this.#listeners.set(name, (listeners = new Set()));
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /**
   * @template {keyof Payloads} Name
   * @param {Name} name
   * @param {Payloads[Name]} payload
   */
  emit(name, payload) {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        listener(payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
