/**
 * The monitor of a server: its rooms and players, live, and the actions of operators.
 *
 * Owns the start.  Leaves `window.monitor` for tests and the console.
 */

import { MonitorPage } from "./app.js";

Object.assign(window, { monitor: new MonitorPage() });
