// What browser tests see of a page: put into each page before its own scripts, as `window.eyes`.
window.eyes = {
  /** What the newest delta left in view. */
  entities: () => [...(window.arena?.client.replica?.entities.values() ?? [])],

  tick: () => window.arena?.client.replica?.tick ?? 0,

  playing: () => window.arena?.client.state === "playing" && eyes.tick() > 0,

  /** The own ship in the units of the wire; null while there is none. */
  own: () => {
    const ship = eyes.playing() ? window.arena.client.replica.own : undefined;
    return ship ? { x: ship.x, y: ship.y, heading: ship.heading, energy: ship.energy } : null;
  },

  /** Where each ship in view is, by the name of its pilot. */
  ships: () => {
    const all = eyes.entities();
    const places = all
      .filter((each) => each.kind === "Pilot")
      .map((pilot) => [pilot.name, all.find((each) => each.kind === "Ship" && each.id === pilot.ship)])
      .filter(([, ship]) => ship !== undefined)
      .map(([name, ship]) => [name, { x: ship.x, y: ship.y }]);
    return Object.fromEntries(places);
  },

  /** Names in view whose ship is farther than `far` from where it was; null if there is none. */
  moved: (before, far) => {
    const names = Object.entries(eyes.ships())
      .filter(([name, { x, y }]) => before[name] && Math.hypot(x - before[name].x, y - before[name].y) > far)
      .map(([name]) => name);
    return names.length > 0 ? names : null;
  },

  /** The names on the leaderboard, as shown. */
  leaders: () => [...document.querySelectorAll("#leaders .name")].map((each) => each.textContent),

  /** What the banner says, null while it is hidden. */
  banner: () => {
    const banner = document.querySelector("#banner");
    return banner.hidden ? null : banner.innerText;
  },

  /** All that the banner has said; a word may be gone before a test looks. */
  said: [],
};

document.addEventListener("DOMContentLoaded", () => {
  const note = () => eyes.said.push(eyes.banner() ?? "");
  const banner = document.querySelector("#banner");
  new MutationObserver(note).observe(banner, { subtree: true, childList: true, attributes: true });
});
