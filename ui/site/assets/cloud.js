// What the cloud service is doing, told as it changes.

import { get } from "./api.js";
import { ahead, moment, seconds } from "./format.js";
import { everySoOften, setIcon, show, write } from "./page.js";
import { isKnown, word } from "./words.js";

const DOCUMENT = "/api/site/cloud";
const EVENTS = "/api/site/cloud/events";
/** Milliseconds between two looks at whether the site is still there. */
const LOOK = 6_000;
/** Milliseconds that it has for its answer. */
const PATIENCE = 6_000;
/** Answers that contradict the events before those are taken for dead. */
const MAX_CONTRADICTIONS = 2;

export class CloudState {
  /** The last document; null before the first. */
  current = null;

  #box;
  #chip;
  #events = null;
  #contradictions = 0;
  #lostAt = null;

  constructor(box) {
    this.#box = box;
    this.#chip = box.querySelector(".chip");
    setInterval(() => this.#count(), 1_000);
    addEventListener("pagehide", () => this.#events?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#follow());
    everySoOften(LOOK, () => this.#look());
    this.#follow();
  }

  get #hasEvents() {
    return this.#events?.readyState === EventSource.OPEN && this.current !== null;
  }

  #follow() {
    this.#events?.close();
    const events = new EventSource(EVENTS);
    this.#events = events;
    events.onmessage = (event) => {
      if (events === this.#events) {
        this.show(JSON.parse(event.data));
      }
    };
  }

  /** A connection may be dead without a word: asks, too, and trusts no old news. */
  async #look() {
    let cloud;
    try {
      cloud = await get(DOCUMENT, PATIENCE);
    } catch {
      this.#lostAt ??= new Date();
      this.#showSilence();
      return;
    }
    if (this.#lostAt !== null || !this.#hasEvents) {
      this.show(cloud);
    }
    const { state, since } = this.current;
    const agrees = cloud.state === state && cloud.since === since;
    this.#contradictions = agrees ? 0 : this.#contradictions + 1;
    const isClosed = this.#events.readyState === EventSource.CLOSED;
    if (isClosed || this.#contradictions >= MAX_CONTRADICTIONS) {
      this.#contradictions = 0;
      this.show(cloud);
      this.#follow();
    }
  }

  /**
   * Takes the answer to a change. While events come they tell the state: an answer
   * may have been overtaken by what they told in the meantime.
   */
  answered(cloud) {
    if (this.#hasEvents) {
      const { enabled, server, cloud_id } = cloud;
      this.current = { ...this.current, enabled, server, cloud_id };
    } else {
      this.show(cloud);
    }
  }

  #showSilence() {
    this.#chip.dataset.state = "cloud-unknown";
    setIcon(this.#chip, "warning");
    show(this.#box, "state", word("cloud-unknown", { time: seconds(this.#lostAt) }));
    for (const line of ["since", "cause", "retry", "reason-line", "login"]) {
      this.#line(line).hidden = true;
    }
  }

  #line(name) {
    return this.#box.querySelector(`[data-value="${name}"]`);
  }

  /** Shows the site's document about its cloud service. */
  show(cloud) {
    this.current = cloud;
    this.#lostAt = null;
    const { state } = cloud;
    const isTrouble = state === "waiting" || state === "refused";
    this.#box.dataset.state = state;
    this.#chip.dataset.state = `cloud-${state}`;
    setIcon(this.#chip, word(`cloud-icon-${state}`));
    show(this.#box, "state", word(`cloud-${state}`));
    show(this.#box, "server", state === "off" ? "" : cloud.server ?? "");
    this.#line("since").hidden = state !== "connected" || !cloud.since;
    if (cloud.since) {
      show(this.#box, "since-time", moment(new Date(cloud.since)));
    }
    const cause = `cause-${cloud.cause ?? ""}`;
    this.#line("cause").hidden = !isTrouble || !isKnown(cause);
    write(this.#line("cause"), isTrouble && isKnown(cause) ? word(cause) : "");
    this.#line("reason-line").hidden = !isTrouble || !cloud.reason;
    show(this.#box, "reason", isTrouble ? cloud.reason ?? "" : "");
    this.#line("retry").hidden = !isTrouble || !cloud.retry_at;
    this.#count();
    this.#line("login").hidden = !cloud.login_url;
    const link = this.#line("login-url");
    write(link, cloud.login_url ?? "");
    if (/^https?:/.test(cloud.login_url ?? "")) {
      link.href = cloud.login_url;
    }
  }

  #count() {
    const at = this.current?.retry_at ? Date.parse(this.current.retry_at) : null;
    if (at !== null) {
      const left = ahead(at - Date.now());
      show(this.#box, "retry-time", `${seconds(new Date(at))} (${left})`);
    }
  }
}
