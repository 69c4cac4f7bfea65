// Requests to the site, and what can go wrong with them in the page's words.

import { isKnown, word } from "./words.js";

const PATIENCE = 20_000;
const NO_CONTENT = 204;

/** A request that did not do what it should. ``status`` is 0 without an answer. */
export class Failure extends Error {
  constructor(status, errors = {}) {
    super(wordsFor(status));
    this.status = status;
    this.errors = errors;
  }
}

function wordsFor(status) {
  switch (status) {
    case 0:
    case 502:
    case 504:
      return word("offline");
    case 401:
      return word("logged-out");
    case 403:
      return word("forbidden");
    case 429:
      return word("busy");
    case 503:
      return word("restarting");
    default:
      return word("failed");
  }
}

async function request(path, options, patience = PATIENCE) {
  let answer;
  try {
    answer = await fetch(path, {
      ...options,
      signal: AbortSignal.timeout(patience),
      redirect: "error",
    });
  } catch {
    throw new Failure(0);
  }
  let document = null;
  const type = answer.headers.get("content-type") ?? "";
  if (type.startsWith("application/json") && answer.status !== NO_CONTENT) {
    try {
      document = await answer.json();
    } catch {
      throw new Failure(0);
    }
  }
  if (!answer.ok) {
    throw new Failure(answer.status, document?.errors);
  }
  return document;
}

/** The document at ``path``, within milliseconds. Raises :class:`Failure`. */
export function get(path, patience = PATIENCE) {
  return request(path, { headers: { Accept: "application/json" } }, patience);
}

/** Sends a document; returns the answer's. Raises :class:`Failure`. */
export function send(path, document = {}, method = "POST") {
  return request(path, {
    method,
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-Requested-With": "site",
    },
    body: JSON.stringify(document),
  });
}

/** What is wrong with a field, by the code that the site gave. */
export function problemOf(field, code) {
  const special = `problem-${field}-${code}`.replaceAll("_", "-");
  const general = `problem-${code}`;
  return word([special, general].find(isKnown) ?? "failed");
}
