/**
 * The monitor of a server: its rooms and players, live, and the actions of operators.
 *
 * Owns the start only; `app.js` has the page.  Leaves `window.monitor` for tests and the console.
 */

import { MonitorPage } from "./app.js";

Object.assign(window, { monitor: new MonitorPage() });
