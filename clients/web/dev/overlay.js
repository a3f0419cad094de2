/**
 * A page under `gameserver dev`: it follows changes of its files, and shows faults.
 *
 * Owns the connection to the server's channel and the overlay.  Only the dev server adds this file
 * to a page, and only it has the channel.
 */

/**
 * @typedef {{ title: string, text: string, file: string, line: number, code: [number, string][] }} Fault
 */

const AGAIN_MS = 500;

const STYLE = `
  :host { all: initial; }
  section {
    position: fixed; inset: 0; z-index: 2147483647; overflow: auto;
    padding: max(5vh, 1rem) max(5vw, 1rem);
    background: #11141ae6; color: #e7ebf3; font: 15px/1.6 system-ui, sans-serif;
  }
  article { max-width: 56rem; margin: 0 auto; }
  h1 { margin: 0 0 0.25rem; color: #ff8087; font-size: 1.25rem; }
  p { margin: 0 0 1rem; overflow-wrap: anywhere; }
  pre {
    margin: 0; padding: 1rem; overflow: auto; border: 1px solid #ffffff1f; border-radius: 10px;
    background: #0a0c10; font: 14px/1.7 ui-monospace, monospace;
  }
  code { display: block; white-space: pre; color: #a3adbf; }
  code.at { margin: 0 -1rem; padding: 0 1rem; background: #ff80872e; color: #fff; }
  code span { display: inline-block; width: 3.5em; color: #667085; user-select: none; }
  small { color: #98a2b3; }
  button {
    float: right; padding: 0.35rem 0.9rem; border: 1px solid #ffffff3d; border-radius: 8px;
    background: none; color: inherit; font: inherit; cursor: pointer;
  }`;

const host = document.createElement("gameserver-dev");
const shadow = host.attachShadow({ mode: "open" });

/** @param {string} tag @param {string} text @param {Node[]} [children] */
function make(tag, text, children = []) {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
}

/** @param {Fault[]} faults */
function show(faults) {
  host.remove();
  if (faults.length === 0) return;
  const close = make("button", "Hide");
  close.addEventListener("click", () => host.remove());
  const articles = faults.map(article);
  articles[0].prepend(close);
  const section = make("section", "", articles);
  section.setAttribute("role", "alert");
  shadow.replaceChildren(make("style", STYLE), section);
  document.documentElement.append(host);
}

/** @param {Fault} fault */
function article({ title, text, file, line, code }) {
  const lines = code.map(([number, content]) => {
    const row = make("code", "", [make("span", String(number)), new Text(content)]);
    row.classList.toggle("at", number === line);
    return row;
  });
  const place = make("p", "", [make("small", line > 0 ? `${file}:${line}` : "")]);
  const parts = [make("h1", title), make("p", text), place];
  if (lines.length > 0) parts.push(make("pre", "", lines));
  parts.push(make("p", "", [make("small", "It goes away once this is mended; the rooms keep the code before it.")]));
  return make("article", "", parts);
}

/** Load every style sheet of this server again, without loading the page. */
function freshStyles() {
  for (const link of document.querySelectorAll("link[rel=stylesheet]")) {
    const { href } = /** @type {HTMLLinkElement} */ (link);
    const url = new URL(href);
    if (url.host !== location.host) continue;
    url.searchParams.set("dev", String(Date.now()));
    const fresh = /** @type {HTMLLinkElement} */ (link.cloneNode());
    fresh.href = url.href;
    fresh.addEventListener("load", () => link.remove());
    link.after(fresh);
  }
}

/** @param {any} message */
function take(message) {
  if (message.type === "faults") show(message.faults);
  else if (message.type === "code") show([]);
  else if (message.type === "page") location.reload();
  else if (message.type === "style") freshStyles();
  dispatchEvent(new CustomEvent("gameserver-dev", { detail: message }));
}

function connect() {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/dev`);
  /** @param {Event} event */
  const watch = (event) => {
    const { detail } = /** @type {CustomEvent} */ (event);
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ watch: detail }));
  };
  addEventListener("gameserver-dev-watch", watch);
  socket.addEventListener("open", () => dispatchEvent(new Event("gameserver-dev-open")));
  socket.addEventListener("message", ({ data }) => take(JSON.parse(data)));
  socket.addEventListener("close", () => {
    removeEventListener("gameserver-dev-watch", watch);
    setTimeout(connect, AGAIN_MS);
  });
}

connect();
