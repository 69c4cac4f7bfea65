// The list of charging sessions keeps itself up to date.

import { get } from "./api.js";
import { clock, decimal, kilo, moment } from "./format.js";
import { everySoOften, show } from "./page.js";
import { isKnown, named, word } from "./words.js";

const AGAIN = 10_000;

const table = document.getElementById("sessions");
const template = document.getElementById("session-row");
const now = document.getElementById("session-now");
let shown = "";

function put(row, part, text) {
  for (const element of row.querySelectorAll(`[data-part="${part}"]`)) {
    // A second line that has nothing to say is left out.
    element.textContent = text || (element.matches(".sub") ? "" : "–");
  }
}

function rowOf(item) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.dataset.session = item.id;
  const started = row.querySelector("time");
  started.dateTime = item.started;
  put(row, "started", moment(new Date(item.started)));
  if (item.ended) {
    const ended = new Date(item.ended);
    put(row, "ended", moment(ended));
    put(row, "until", `${word("until")} ${clock(ended)}`);
  } else {
    row.querySelector("[data-part=ended]").append(now.content.cloneNode(true));
    put(row, "until", word("in-progress"));
  }
  const name = `wallbox-${item.wallbox}`;
  put(row, "wallbox", isKnown(name) ? word(name) : item.wallbox);
  put(row, "vehicle", named(item.vehicle));
  put(row, "user", item.user);
  put(row, "energy", kilo(item.energy_wh));
  put(row, "cost", decimal(item.cost_eur, 2));
  return row;
}

function sum(items, member) {
  return items.reduce((total, item) => total + item[member], 0);
}

everySoOften(AGAIN, async () => {
  let items;
  try {
    ({ items } = await get("/api/site/sessions"));
  } catch {
    return; // what is on the page stays; the next try is near
  }
  const text = JSON.stringify(items);
  if (text === shown) {
    return;
  }
  shown = text;
  table.hidden = items.length === 0;
  document.getElementById("empty").hidden = items.length > 0;
  table.tBodies[0].replaceChildren(...items.map(rowOf));
  show(table, "sum-energy", kilo(sum(items, "energy_wh")));
  show(table, "sum-cost", decimal(sum(items, "cost_eur"), 2));
});
