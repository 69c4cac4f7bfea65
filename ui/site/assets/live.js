// The site's state as it changes: by WebSocket, by asking where that fails.

import { get } from "./api.js";

const SOCKET = "/api/site/live";
const STATE = "/api/site/state";
/** Milliseconds without a message after which a socket is dead. */
const SILENCE = 6_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
/** Sockets that fail in a row before the page asks instead. */
const MAX_FAILURES = 3;
const POLL = 3_000;
/** Milliseconds between two sockets while the page asks. */
const SOCKET_AGAIN = 60_000;

/**
 * Calls ``onState`` with each state, and ``onStatus`` with ``{kind, since}`` at each
 * change: "connecting", "live", "polling", "lost" (since then) or "ended" (logged out).
 */
export class Live {
  #onState;
  #onStatus;
  #socket = null;
  #failures = 0;
  #watchdog = 0;
  #socketTimer = 0;
  #pollTimer = 0;
  #kind = "";
  #hasEnded = false;

  constructor(onState, onStatus) {
    this.#onState = onState;
    this.#onStatus = onStatus;
    addEventListener("online", () => this.#hurry());
    addEventListener("pageshow", (event) => event.persisted && this.#hurry());
    addEventListener("pagehide", () => this.#drop());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#kind !== "live") {
        this.#hurry();
      }
    });
    this.#become("connecting");
    this.#connect();
  }

  #connect() {
    clearTimeout(this.#socketTimer);
    this.#drop();
    if (this.#hasEnded) {
      return;
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    let socket;
    try {
      socket = new WebSocket(`${scheme}://${location.host}${SOCKET}`);
    } catch {
      this.#failed();
      return;
    }
    this.#socket = socket;
    this.#watch();
    socket.onmessage = (event) => {
      if (socket !== this.#socket) {
        return;
      }
      this.#failures = 0;
      this.#watch();
      clearTimeout(this.#pollTimer);
      this.#take(JSON.parse(event.data), "live");
    };
    socket.onclose = () => {
      if (socket === this.#socket) {
        this.#drop();
        this.#failed();
      }
    };
  }

  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#drop();
      this.#failed();
    }, SILENCE);
  }

  #drop() {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #failed() {
    this.#failures += 1;
    if (this.#kind === "live") {
      this.#become("lost");
    }
    clearTimeout(this.#socketTimer);
    if (this.#failures >= MAX_FAILURES) {
      this.#poll();
      this.#socketTimer = setTimeout(() => this.#connect(), this.#socketWait());
      return;
    }
    const most = Math.min(FIRST_WAIT * 2 ** this.#failures, LONGEST_WAIT);
    const wait = most * (0.5 + Math.random() / 2);
    this.#socketTimer = setTimeout(() => this.#connect(), wait);
  }

  #socketWait() {
    // While asking works, sockets are what does not; else everything is down.
    return this.#kind === "polling" ? SOCKET_AGAIN : LONGEST_WAIT;
  }

  async #poll() {
    clearTimeout(this.#pollTimer);
    if (!document.hidden) {
      try {
        const state = await get(STATE);
        if (this.#kind === "live") {
          return;
        }
        if (this.#kind === "lost") {
          // Something was down, and is back: a socket may work again.
          this.#hurry();
        }
        this.#take(state, "polling");
      } catch (failure) {
        if (this.#kind === "live") {
          return;
        }
        if (failure.status === 401) {
          this.#end();
          return;
        }
        this.#become("lost");
      }
    }
    clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => this.#poll(), POLL);
  }

  #hurry() {
    clearTimeout(this.#socketTimer);
    this.#socketTimer = setTimeout(() => this.#connect(), 100);
  }

  #end() {
    this.#hasEnded = true;
    clearTimeout(this.#socketTimer);
    this.#drop();
    this.#become("ended");
  }

  #take(state, kind) {
    this.#become(kind);
    this.#onState(state);
  }

  #become(kind) {
    if (kind !== this.#kind) {
      this.#kind = kind;
      this.#onStatus({ kind, since: new Date() });
    }
  }
}
