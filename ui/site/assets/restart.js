// Restarts the charging manager and waits until it is back.

import { get, send } from "./api.js";
import { say } from "./forms.js";
import { write } from "./page.js";
import { word } from "./words.js";

const ASK_EVERY = 1_000;
/** Tries to find it back. */
const TRIES = 60;

const button = document.getElementById("restart");
const outcome = document.getElementById("restart-outcome");

function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

export async function restart() {
  if (button.getAttribute("aria-disabled") === "true") {
    return;
  }
  button.setAttribute("aria-disabled", "true");
  try {
    const { seconds } = await send("/api/site/restart");
    say(outcome, word("restarting"));
    await pause(seconds * 1000);
    const version = await back();
    write(document.getElementById("version"), version);
    say(outcome, word("restarted", { version }), "good");
    button.hidden = true;
  } catch (failure) {
    say(outcome, failure.message, "bad");
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** The version of the site that is back. */
async function back() {
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      return (await get("/api/site/state")).site.version;
    } catch {
      await pause(ASK_EVERY);
    }
  }
  throw new Error(word("not-back"));
}
