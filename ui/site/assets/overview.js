// The overview: live values of site, wallboxes and meter, and power over time.

import { clock, decimal, kilo, seconds } from "./format.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { everySoOften, setIcon, show, write } from "./page.js";
import { Plot } from "./plot.js";
import { Wallbox } from "./wallbox.js";
import { isKnown, word } from "./words.js";

const LIVE_ICONS = {
  connecting: "dots",
  live: "live",
  polling: "clock",
  lost: "warning",
  ended: "warning",
};
/** Rows of the table beside the plot, about. */
const TABLE_ROWS = 12;
/** Milliseconds between two looks at whether the plot needs new history. */
const LOOK = 5_000;

const cards = new Map();
for (const card of document.querySelectorAll("[data-wallbox]")) {
  cards.set(card.dataset.wallbox, new Wallbox(card));
}

function showSite({ site, wallboxes }) {
  show(document, "site-power", kilo(site.power_w));
  show(document, "site-limit", kilo(site.limit_w));
  show(document, "free", kilo(site.limit_w - site.power_w));
  const charging = Math.max(site.power_w - site.rest_w, 1);
  // What the roof makes the site does not draw: all bars are so much shorter.
  const drawn = Math.min(Math.max(site.power_w / charging, 0), 1);
  const parts = [
    ...wallboxes.map((box) => ({ ...box, bar_w: drawn * box.power_w })),
    { id: "rest", power_w: site.rest_w, bar_w: Math.max(site.rest_w, 0) },
  ];
  let edge = 0;
  for (const { id, power_w: watts, bar_w: part } of parts) {
    const share = Math.min((100 * part) / Math.max(site.limit_w, 1), 100 - edge);
    const bar = document.querySelector(`#stack [data-part="${id}"]`);
    bar?.setAttribute("x", `${edge.toFixed(2)}%`);
    bar?.setAttribute("width", `${share.toFixed(2)}%`);
    show(document, `part-${id}`, kilo(watts));
    edge += share;
  }
}

function showMeter(meter) {
  const card = document.querySelector(".meter");
  if (card === null || !meter) {
    return;
  }
  const feeds = meter.power_w < 0;
  const chip = card.querySelector(".chip");
  chip.dataset.state = feeds ? "fed" : "drawn";
  setIcon(chip, feeds ? "up" : "down");
  show(card, "direction", word(feeds ? "feeding" : "drawing"));
  show(card, "meter-power", kilo(Math.abs(meter.power_w)));
  show(card, "import", kilo(meter.import_wh, 1));
  show(card, "export", kilo(meter.export_wh, 1));
  for (const [phase, volts] of meter.voltage_v.entries()) {
    show(card, `volts-${phase}`, decimal(volts, 1));
    show(card, `amperes-${phase}`, decimal(meter.current_a[phase], 1));
  }
}

// Power over time

const plotted = [...document.querySelectorAll("#numbers th[data-series]")].map(
  (head, at) => {
    const { series: id } = head.dataset;
    const box = [...cards.keys()].indexOf(id);
    return {
      id,
      name: head.dataset.name ?? id,
      style: box < 0 ? "series-grid" : `series-${box + 1}`,
      order: box < 0 ? -1 : at,
    };
  },
);
const plot = new Plot(document.getElementById("plot"), plotted);
const history = new History();
let limit = null;
let loadedAt = 0;
let trouble = "";

function drawPlot() {
  const points = history.points();
  plot.show(points, history.minutes, limit, trouble || word("plot-empty"));
}

async function loadHistory(minutes) {
  loadedAt = Date.now();
  try {
    await history.load(minutes);
    trouble = "";
    fillTable();
  } catch {
    trouble = word("plot-failed");
  }
  drawPlot();
}

function fillTable() {
  const body = document.querySelector("#numbers tbody");
  const points = history.points();
  const every = Math.max(1, Math.ceil(points.length / TABLE_ROWS));
  const rows = [];
  for (let at = points.length - 1; at >= 0; at -= every) {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = clock(new Date(points[at].time));
    row.append(head);
    for (const { id } of plotted) {
      const watts = points[at].values[id] ?? null;
      row.insertCell().textContent = watts === null ? "–" : kilo(watts);
    }
    rows.push(row);
  }
  body.replaceChildren(...rows);
}

document.getElementById("ranges").addEventListener("change", (event) => {
  loadHistory(Number(event.target.value));
});
everySoOften(LOOK, async () => {
  if (Date.now() - loadedAt >= history.step) {
    await loadHistory(history.minutes);
  }
});

// Live

let lastState = null;

function showState(state) {
  lastState = state;
  showSite(state);
  for (const box of state.wallboxes) {
    cards.get(box.id)?.show(box);
  }
  showMeter(state.meter);
  limit = state.meter ? state.site.limit_w : null;
  history.add(state);
  drawPlot();
}

function showStatus({ kind, since }) {
  const sign = document.getElementById("live");
  const isStale = kind === "lost" || kind === "ended";
  const key = kind === "live" ? "live" : `live-${kind}`;
  sign.dataset.kind = kind;
  setIcon(sign, LIVE_ICONS[kind]);
  show(sign, "live", isKnown(key) ? word(key, { time: seconds(since) }) : kind);
  document.getElementById("main").classList.toggle("stale", isStale);
  const time = lastState ? seconds(new Date(lastState.time)) : "";
  const stale = document.getElementById("stale");
  write(stale.querySelector("span"), isStale && time
    ? word(kind === "ended" ? "logged-out" : "live-stale", { time })
    : "");
  stale.hidden = !isStale || !time;
}

loadHistory(history.minutes);
new Live(showState, showStatus);
