/**
 * The page's elements, found once by id and checked.
 *
 * Owns nothing.  A missing element is an error in the page; it is named when the page starts.
 */

/**
 * The element with this id.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (found === null || (type !== undefined && !(found instanceof type))) {
    throw new TypeError(`the page has no element #${id} of the right kind`);
  }
  return /** @type {T} */ (found);
}

/**
 * A new element with a class, a text and children.
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 * @param {HTMLElement[]} [children]
 */
export function make(tag, className, text = "", children = []) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  element.append(...children);
  return element;
}
