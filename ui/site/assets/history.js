// Power over time: what the site has kept, and what has come in since.

import { get } from "./api.js";

/** Live points that are kept beyond the site's own: a page may run for days. */
const MOST_LIVE = 600;

/** Points ``{time, values}`` of the last minutes, the oldest first. */
export class History {
  #kept = [];
  #live = [];
  minutes = 60;

  /** Milliseconds until the site has something new. */
  step = 10_000;

  /** Fetches ``minutes``. Raises :class:`Failure`. */
  async load(minutes) {
    const document = await get(`/api/site/history?minutes=${minutes}`);
    const from = Date.parse(document.from);
    const step = document.step_s * 1000;
    const ids = Object.keys(document.series);
    const count = Math.max(0, ...ids.map((id) => document.series[id].length));
    this.#kept = Array.from({ length: count }, (_, at) => ({
      time: from + at * step,
      values: Object.fromEntries(ids.map((id) => [id, document.series[id][at]])),
    }));
    this.minutes = minutes;
    this.step = step;
    const last = this.#kept.at(-1)?.time ?? 0;
    this.#live = this.#live.filter((point) => point.time > last);
  }

  /** Takes a state of now. */
  add(state) {
    const values = {};
    if (state.meter) {
      values[state.meter.id] = state.meter.power_w;
    }
    for (const box of state.wallboxes) {
      values[box.id] = box.power_w;
    }
    const time = Date.parse(state.time);
    if (time > (this.#live.at(-1)?.time ?? 0)) {
      this.#live.push({ time, values });
      this.#live.splice(0, this.#live.length - MOST_LIVE);
    }
  }

  /** All points that are not older than the span. */
  points() {
    const last = this.#kept.at(-1)?.time ?? 0;
    const all = [...this.#kept, ...this.#live.filter(({ time }) => time > last)];
    const oldest = (all.at(-1)?.time ?? 0) - this.minutes * 60_000;
    return all.filter(({ time }) => time >= oldest);
  }
}
