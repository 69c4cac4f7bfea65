// The upload of a firmware file: how far it is, how fast, and what came of it.

import { decimal, percent, size } from "./format.js";
import { problemOf } from "./api.js";
import { say } from "./forms.js";
import { write } from "./page.js";
import { restart } from "./restart.js";
import { word } from "./words.js";

/** Milliseconds over which the speed is taken. */
const SPEED_SPAN = 3_000;

const form = document.getElementById("firmware");
const { file: input } = form.elements;
const problem = document.getElementById("file-problem");
const outcome = document.getElementById("outcome");
const sendButton = document.getElementById("send");
const cancelButton = document.getElementById("cancel");
const progress = document.getElementById("progress");
const bar = document.getElementById("bar");
const result = document.getElementById("result");

let upload = null;

/** Bytes a second of late, from ``[time, bytes]`` of each report. */
class Speed {
  #reports = [[performance.now(), 0]];

  report(bytes) {
    const now = performance.now();
    this.#reports.push([now, bytes]);
    while (this.#reports.length > 2 && now - this.#reports[0][0] > SPEED_SPAN) {
      this.#reports.shift();
    }
    const [then, before] = this.#reports[0];
    return (1000 * (bytes - before)) / Math.max(now - then, 1);
  }
}

class Upload {
  #share = 0;
  #speed = new Speed();

  constructor(file) {
    this.file = file;
    this.request = new XMLHttpRequest();
    const { request } = this;
    request.upload.onprogress = (event) => this.#progress(event.loaded);
    request.upload.onload = () => write(
      document.getElementById("stage"),
      word("checking"),
    );
    request.onload = () => this.#answered();
    request.onerror = () => this.#end(
      word("broken", { percent: percent(this.#share) }),
      "bad",
    );
    request.onabort = () => this.#end(word("cancelled"), "bad");
    request.open("POST", form.getAttribute("action"));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-Requested-With", "site");
    request.responseType = "json";
    this.#begin();
    request.send(file);
  }

  #begin() {
    say(outcome, "");
    result.hidden = true;
    progress.hidden = false;
    cancelButton.hidden = false;
    sendButton.disabled = true;
    input.disabled = true;
    write(document.getElementById("stage"), word("uploading", {
      name: this.file.name,
    }));
    this.#progress(0);
    cancelButton.focus();
    addEventListener("beforeunload", warn);
  }

  #progress(sent) {
    const total = this.file.size;
    this.#share = Math.min(sent / Math.max(total, 1), 1);
    bar.value = this.#share;
    write(document.getElementById("amount"), word("amount", {
      sent: size(Math.min(sent, total)),
      total: size(total),
      percent: percent(this.#share),
      speed: `${size(this.#speed.report(sent))}/s`,
    }));
  }

  #answered() {
    const { status, response } = this.request;
    if (status >= 200 && status < 300 && response?.sha256) {
      this.#end("", "");
      showResult(this.file, response);
      return;
    }
    const code = response?.errors?.file;
    this.#end(
      code ? problemOf("file", code) : word("refused", { status }),
      "bad",
    );
  }

  #end(words, kind) {
    upload = null;
    removeEventListener("beforeunload", warn);
    progress.hidden = true;
    cancelButton.hidden = true;
    sendButton.disabled = false;
    input.disabled = false;
    say(outcome, words, kind);
    sendButton.focus();
  }
}

function warn(event) {
  event.preventDefault();
}

function showResult(file, answer) {
  const put = (id, text) => write(document.getElementById(id), text);
  put("result-name", file.name);
  put("result-size", `${size(answer.size)} (${decimal(answer.size)} B)`);
  put("result-version", answer.version);
  put("result-sum", answer.sha256);
  document.getElementById("restart").hidden = false;
  say(document.getElementById("restart-outcome"), "");
  result.hidden = false;
  result.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = input.files;
  const words = file === undefined ? word("choose")
    : file.size === 0 ? word("empty-file") : "";
  write(problem, words);
  if (words) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  } else if (upload === null) {
    input.removeAttribute("aria-invalid");
    upload = new Upload(file);
  }
});
input.addEventListener("change", () => {
  write(problem, "");
  input.removeAttribute("aria-invalid");
});
cancelButton.addEventListener("click", () => upload?.request.abort());
document.getElementById("restart").addEventListener("click", () => restart());
