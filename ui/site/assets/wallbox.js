// The card of one wallbox: its values, its current limit, pause and resume.

import { problemOf, send } from "./api.js";
import { decimal, kilo, recent } from "./format.js";
import { setIcon, show, write } from "./page.js";
import { named, word } from "./words.js";

/** Milliseconds after a choice in which the site may still tell of before. */
const SETTLING = 2_500;

function stateOf(box) {
  if (box.state >= 5) {
    return String(box.state);
  }
  if (!box.enabled) {
    return "paused";
  }
  return box.waiting ? "waiting" : String(box.state);
}

export class Wallbox {
  #card;
  #path;
  #isEnabled;
  #touched = 0;
  /** What is still to be sent; null while nothing is under way. */
  #wanted = null;

  constructor(card) {
    this.#card = card;
    this.#path = `/api/site/wallboxes/${encodeURIComponent(card.dataset.wallbox)}`;
    this.chip = card.querySelector(".chip");
    this.bar = card.querySelector("[data-bar=soc]");
    this.slide = card.querySelector("input[type=range]");
    this.number = card.querySelector("input[type=number]");
    this.pause = card.querySelector("[data-form=pause]");
    this.#isEnabled = this.pause.elements.enabled.value === "0";
    this.#listen();
  }

  #listen() {
    this.slide.addEventListener("input", () => {
      this.#touched = Date.now();
      this.number.value = this.slide.value;
    });
    this.slide.addEventListener("change", () => this.#setLimit(this.slide.value));
    this.number.addEventListener("input", () => {
      this.#touched = Date.now();
    });
    this.number.addEventListener("change", () => this.#setLimit(this.number.value));
    this.#card.querySelector("[data-form=limit]").addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        this.#setLimit(this.number.value);
      },
    );
    this.pause.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#set({ enabled: !this.#isEnabled });
    });
  }

  #setLimit(text) {
    if (!this.number.checkValidity()) {
      this.#say(problemOf("current_limit_a", "out-of-range"));
      return;
    }
    this.slide.value = text;
    this.#set({ current_limit_a: Number(text) });
  }

  /** Sends what is wanted, one request after another, the latest choice last. */
  async #set(change) {
    this.#touched = Date.now();
    this.#say("");
    const isBusy = this.#wanted !== null;
    this.#wanted = { ...this.#wanted, ...change };
    if (isBusy) {
      return;
    }
    let box = null;
    try {
      while (Object.keys(this.#wanted).length > 0) {
        const wanted = this.#wanted;
        this.#wanted = {};
        box = await send(this.#path, wanted);
      }
    } catch (failure) {
      const [field] = Object.keys(failure.errors ?? {});
      this.#say(field ? problemOf(field, failure.errors[field]) : failure.message);
    } finally {
      this.#wanted = null;
      this.#touched = 0;
    }
    if (box !== null) {
      this.show(box);
    }
  }

  #say(words) {
    show(this.#card, "problem", words);
  }

  /** Shows the wallbox as the site tells of it. */
  show(box) {
    const card = this.#card;
    const key = stateOf(box);
    this.chip.dataset.state = key;
    setIcon(this.chip, word(`state-icon-${key}`));
    show(card, "state", word(`state-${key}`));
    show(card, "power", kilo(box.power_w));
    show(card, "phases", String(box.phases));
    show(card, "vehicle", box.vehicle ? named(box.vehicle.name) : "–");
    show(card, "soc", box.vehicle ? `${decimal(box.vehicle.soc)} %` : "–");
    this.bar.setAttribute("width", `${box.vehicle?.soc ?? 0}%`);
    const { session } = box;
    show(card, "energy", session ? `${kilo(session.energy_wh)} kWh` : "–");
    show(card, "started", session ? recent(new Date(session.started)) : "–");
    show(card, "user", session?.user ?? "–");
    if (box.offered_a !== undefined) {
      show(card, "offered", `${decimal(box.offered_a)} A`);
    }
    if (Date.now() - this.#touched > SETTLING) {
      this.#showControls(box);
    }
  }

  #showControls(box) {
    this.#isEnabled = box.enabled;
    const button = this.pause.querySelector("button");
    button.classList.toggle("primary", !box.enabled);
    setIcon(button, box.enabled ? "pause" : "play");
    show(button, "pause", word(box.enabled ? "pause" : "resume"));
    const limit = String(Math.round(box.current_limit_a));
    if (document.activeElement !== this.number) {
      this.number.value = limit;
    }
    this.slide.value = limit;
  }
}
