// Forms that are sent without leaving the page; each field says what is wrong with it.

import { problemOf, send } from "./api.js";
import { write } from "./page.js";

/**
 * @param form its fields have their names as ids
 * @param options.document what to send, or null to send nothing
 * @param options.done with the answer; returns the words of success
 * @param options.failed with a Failure that no field is to blame for; may return
 *   words of its own
 */
export function enhance(form, { path = form.getAttribute("action"), document, done,
  failed }) {
  const button = form.querySelector("button[type=submit]");
  const outcome = form.querySelector(".outcome");
  let isBusy = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) {
      return;
    }
    isBusy = true;
    button.setAttribute("aria-disabled", "true");
    try {
      const wanted = await document();
      if (wanted === null) {
        return;
      }
      clear(form);
      say(outcome, "");
      const words = await done(await send(path, wanted));
      say(outcome, words ?? "", "good");
    } catch (failure) {
      if (!showProblems(form, failure.errors)) {
        say(outcome, failed?.(failure) ?? failure.message, "bad");
      }
    } finally {
      isBusy = false;
      button.removeAttribute("aria-disabled");
    }
  });
  form.addEventListener("input", (event) => {
    mark(form, event.target, "");
    say(outcome, "");
  });
}

/** Shows words of success ("good") or failure ("bad"). */
export function say(element, words, kind = "") {
  write(element, words);
  element.dataset.kind = words ? kind : "";
}

function clear(form) {
  for (const field of form.elements) {
    mark(form, field, "");
  }
}

function mark(form, field, words) {
  const problem = form.querySelector(`#${field.name || "none"}-problem`);
  if (problem === null) {
    return;
  }
  write(problem, words);
  if (words) {
    field.setAttribute("aria-invalid", "true");
  } else {
    field.removeAttribute("aria-invalid");
  }
}

/** Whether there was a field to blame. */
function showProblems(form, errors = {}) {
  let first = null;
  for (const [name, code] of Object.entries(errors)) {
    const field = form.elements.namedItem(name);
    if (field !== null && form.querySelector(`#${name}-problem`) !== null) {
      mark(form, field, problemOf(name, code));
      first ??= field;
    }
  }
  first?.focus();
  return first !== null;
}
