// A line plot of power over time, drawn as SVG, read with pointer or arrow keys.

import { timeTicks, valueTicks } from "./axis.js";
import { clock, decimal, kilo, seconds } from "./format.js";
import { write } from "./page.js";
import { word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { top: 30, right: 14, bottom: 44, left: 46 };
/** A limit far above everything would press all lines to the ground. */
const LIMIT_WITHIN = 2.5;
const LEAST_TOP = 1_000;

function make(name, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.textContent = text;
  return element;
}

function html(name, className, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

/**
 * ``series`` are ``{id, name, style}``, style being the class of its line. Points are
 * ``{time, values}``: milliseconds, and watts (or null) by the series' ids.
 */
export class Plot {
  #series;
  #limit = null;
  #points = [];
  #minutes = 60;
  /** The moment that is read; null: the newest. */
  #moment = null;
  #scale = null;
  #empty = "";
  #frame = 0;

  constructor(element, series) {
    this.#series = series;
    this.readout = html("p", "readout-time");
    this.legend = html("ul", "legend plot-legend");
    this.outputs = new Map();
    for (const { id, name, style } of series) {
      const item = html("li", "");
      const sample = make("svg", { class: "sample", "aria-hidden": "true" });
      sample.append(make("line", {
        class: `line ${style}`, x1: "1", y1: "6", x2: "27", y2: "6",
      }));
      const value = html("span", "value whole");
      item.append(sample, html("span", "", name), value);
      this.outputs.set(id, value);
      this.legend.append(item);
    }
    const head = html("div", "plot-head");
    head.append(this.readout, this.legend);

    this.frame = html("div", "plot-frame");
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "slider");
    this.frame.setAttribute("aria-label", word("plot-label"));
    this.frame.setAttribute("aria-valuemin", "0");
    this.svg = make("svg", { "aria-hidden": "true", focusable: "false" });
    this.message = html("p", "plot-message quiet");
    this.frame.append(this.svg, this.message);
    element.append(head, this.frame);

    new ResizeObserver(() => this.#later()).observe(this.frame);
    this.frame.addEventListener("pointermove", (event) => this.#point(event));
    this.frame.addEventListener("pointerdown", (event) => this.#point(event));
    this.frame.addEventListener("pointerleave", () => this.#choose(null));
    this.frame.addEventListener("blur", () => this.#choose(null));
    this.frame.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows these points, of the last ``minutes``, and words where there are none. */
  show(points, minutes, limit, empty = "") {
    this.#points = points;
    this.#minutes = minutes;
    this.#limit = limit;
    this.#empty = empty;
    this.#later();
  }

  #later() {
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#draw();
      });
    }
  }

  #draw() {
    const width = this.frame.clientWidth;
    const height = this.frame.clientHeight;
    write(this.message, this.#points.length === 0 ? this.#empty : "");
    this.svg.replaceChildren();
    if (width < 100 || this.#points.length === 0) {
      this.#scale = null;
      this.#read();
      return;
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const scale = this.#measure(width, height);
    this.#scale = scale;
    this.#drawAxes(scale);
    for (const { id, style } of this.#series) {
      this.svg.append(make("path", {
        class: `line ${style}`,
        d: path(this.#points, id, scale),
      }));
    }
    this.cursor = make("g", { class: "cursor" });
    this.svg.append(this.cursor);
    this.#read();
  }

  #measure(width, height) {
    let low = 0;
    let high = LEAST_TOP;
    for (const { values } of this.#points) {
      for (const { id } of this.#series) {
        low = Math.min(low, values[id] ?? 0);
        high = Math.max(high, values[id] ?? 0);
      }
    }
    const showsLimit = this.#limit !== null && this.#limit <= high * LIMIT_WITHIN;
    if (showsLimit) {
      high = Math.max(high, this.#limit);
    }
    const ticks = valueTicks(low / 1000, high / 1000, height < 260 ? 4 : 5);
    const [bottom, top] = [ticks[0] * 1000, ticks.at(-1) * 1000];
    const to = this.#points.at(-1).time;
    const from = to - this.#minutes * 60_000;
    const inner = width - EDGE.left - EDGE.right;
    const tall = height - EDGE.top - EDGE.bottom;
    return {
      width, height, ticks, from, to, showsLimit,
      x: (time) => EDGE.left + (inner * (time - from)) / (to - from),
      y: (watts) => EDGE.top + (tall * (top - watts)) / (top - bottom),
    };
  }

  #drawAxes({ width, height, ticks, from, to, x, y, showsLimit }) {
    const digits = ticks.some((each) => Math.abs(each - Math.round(each)) > 1e-6);
    const add = (...element) => this.svg.append(make(...element));
    add("text", { class: "axis-title", x: 0, y: 14 }, word("plot-power"));
    add("text", {
      class: "axis-title end", x: width - EDGE.right, y: height - 6,
    }, word("plot-time"));
    for (const tick of ticks) {
      const at = y(tick * 1000);
      add("line", {
        class: Math.abs(tick) < 1e-9 ? "zero" : "grid-line",
        x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at,
      });
      add("text", { class: "tick end", x: EDGE.left - 8, y: at + 4 },
        decimal(tick, digits ? 1 : 0));
    }
    const ground = height - EDGE.bottom;
    for (const time of timeTicks(from, to, (width - EDGE.left) / 72)) {
      add("line", {
        class: "grid-line", x1: x(time), x2: x(time), y1: ground, y2: ground + 5,
      });
      add("text", { class: "tick middle", x: x(time), y: ground + 19 },
        clock(new Date(time)));
    }
    if (showsLimit) {
      const at = y(this.#limit);
      add("line", {
        class: "limit-line", x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at,
      });
      add("text", { class: "limit-name end", x: width - EDGE.right - 4, y: at - 5 },
        `${word("plot-limit")} ${kilo(this.#limit, 1)} kW`);
    }
  }

  #point(event) {
    if (this.#scale === null) {
      return;
    }
    const { left } = this.svg.getBoundingClientRect();
    const { from, to, x } = this.#scale;
    const share = (event.clientX - left - x(from)) / (x(to) - x(from));
    this.#choose(from + share * (to - from));
  }

  #nearest(time) {
    let best = 0;
    for (const [at, point] of this.#points.entries()) {
      if (Math.abs(point.time - time) < Math.abs(this.#points[best].time - time)) {
        best = at;
      }
    }
    return best;
  }

  #key(event) {
    const last = this.#points.length - 1;
    const at = this.#moment === null ? last : this.#nearest(this.#moment);
    const to = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - 10,
      PageUp: at + 10,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Escape") {
      this.#choose(null);
    } else if (to !== undefined && last >= 0) {
      event.preventDefault();
      this.#choose(this.#points[Math.min(Math.max(to, 0), last)].time);
    }
  }

  #choose(moment) {
    this.#moment = moment;
    this.#read();
  }

  /** Writes the values of the chosen moment, else those of now. */
  #read() {
    const last = this.#points.length - 1;
    const at = this.#moment === null ? last : this.#nearest(this.#moment);
    const point = this.#points[at];
    this.cursor?.replaceChildren();
    const time = point === undefined ? "" : seconds(new Date(point.time));
    const when = this.#moment === null ? `${word("plot-now")}, ${time}` : time;
    write(this.readout, point === undefined ? "" : when);
    const spoken = [];
    for (const { id, name } of this.#series) {
      const watts = point?.values[id] ?? null;
      const text = watts === null ? "–" : `${kilo(watts)} kW`;
      write(this.outputs.get(id), text);
      spoken.push(`${name} ${text}`);
    }
    this.frame.setAttribute("aria-valuemax", String(Math.max(last, 0)));
    this.frame.setAttribute("aria-valuenow", String(Math.max(at, 0)));
    this.frame.setAttribute("aria-valuetext", `${time}: ${spoken.join(", ")}`);
    if (this.#moment !== null && this.#scale !== null && point !== undefined) {
      this.#drawCursor(point);
    }
  }

  #drawCursor(point) {
    const { x, y, height } = this.#scale;
    const at = x(point.time);
    this.cursor.append(make("line", {
      x1: at, x2: at, y1: EDGE.top, y2: height - EDGE.bottom,
    }));
    for (const { id, style } of this.#series) {
      const watts = point.values[id] ?? null;
      if (watts !== null) {
        this.cursor.append(make("circle", {
          class: `dot ${style}`, cx: at, cy: y(watts), r: 4.5,
        }));
      }
    }
  }
}

/** The line of one series; it has gaps where there are no values. */
function path(points, id, { x, y, from }) {
  let line = "";
  let isDown = false;
  for (const { time, values } of points) {
    const watts = values[id] ?? null;
    if (watts === null || time < from) {
      isDown = false;
      continue;
    }
    line += `${isDown ? "L" : "M"}${x(time).toFixed(1)} ${y(watts).toFixed(1)}`;
    isDown = true;
  }
  return line;
}
