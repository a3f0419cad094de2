/**
 * The worlds as the Node peers keep them: ../../moves.py and field.py in JavaScript.
 */

export const STEP = 1 / 8;
const SPEED = 12;
const CELL = 64;
const VIEW_WIDTH = 3 * CELL;
const IN_VIEW = 21;
export const CELL_COUNTS = Math.round(CELL / STEP);
export const COLUMN = 1 << 16;
export const NINE = [-1, 0, 1].flatMap((column) => [-1, 0, 1].map((row) => column * COLUMN + row));
export const HEADINGS = Array.from({ length: 16 }, (_, k) => [
  Math.round(SPEED * Math.cos(((k + 0.5) * Math.PI) / 8)),
  Math.round(SPEED * Math.sin(((k + 0.5) * Math.PI) / 8)),
]);

/**
 * The side of the world in counts.
 * @param {number} movers
 * @returns {number}
 */
export function worldSide(movers) {
  return Math.round((VIEW_WIDTH * Math.sqrt(Math.max(movers, IN_VIEW) / IN_VIEW)) / STEP);
}

/**
 * Where mover number `index` begins.
 * @param {number} index
 * @param {number} side
 * @returns {[number, number]}
 */
export function startOf(index, side) {
  return [
    Math.floor(((0.5 + index * 0.7548776662466927) % 1) * side),
    Math.floor(((0.5 + index * 0.5698402909980532) % 1) * side),
  ];
}

/**
 * Move one thing by one tick, within the world.
 * @param {{ x: number, y: number, dx: number, dy: number }} mover
 * @param {number} side
 */
export function advance(mover, side) {
  if (mover.x + mover.dx < 0 || mover.x + mover.dx > side) mover.dx = -mover.dx;
  if (mover.y + mover.dy < 0 || mover.y + mover.dy > side) mover.dy = -mover.dy;
  mover.x += mover.dx;
  mover.y += mover.dy;
}

/**
 * The cell in which a position lies.
 * @param {number} x
 * @param {number} y
 * @returns {number}
 */
export function cellAt(x, y) {
  return Math.floor(x / CELL_COUNTS) * COLUMN + Math.floor(y / CELL_COUNTS);
}

/**
 * `--world bigworld --players 500 --rate 20 --port 0` as an object.
 * @param {string[]} argv
 */
export function readFlags(argv) {
  const given = new Map();
  for (let i = 2; i + 1 < argv.length; i += 2) given.set(argv[i], argv[i + 1]);
  return {
    world: String(given.get("--world") ?? "bigworld"),
    players: Number(given.get("--players") ?? 100),
    rate: Number(given.get("--rate") ?? 20),
    port: Number(given.get("--port") ?? 0),
  };
}

/**
 * Call `tick` at `rate` per second, by absolute deadlines: no drift.
 * @param {number} rate
 * @param {() => void} tick
 */
export function everyTick(rate, tick) {
  const start = performance.now();
  let next = 1;
  const run = () => {
    tick();
    next = Math.max(next + 1, Math.floor(((performance.now() - start) * rate) / 1000));
    setTimeout(run, Math.max(0, start + (next * 1000) / rate - performance.now()));
  };
  setTimeout(run, 1000 / rate);
}
