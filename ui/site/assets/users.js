// Users: add (the ID is shown once), move to another wallbox, remove.

import { Failure, send } from "./api.js";
import { enhance, say } from "./forms.js";
import { ask, show, write } from "./page.js";
import { isKnown, word } from "./words.js";

const list = document.getElementById("users");
const outcome = document.getElementById("list-outcome");
const template = document.getElementById("user-row");
const dialog = document.getElementById("remove-dialog");

function pathOf(name) {
  return `/api/site/users/${encodeURIComponent(name)}`;
}

function wallboxName(id) {
  const key = `wallbox-${id ?? ""}`;
  return isKnown(key) ? word(key) : id;
}

function addRow({ name, wallbox }) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.dataset.user = name;
  write(row.querySelector("[data-part=name]"), name);
  const select = row.querySelector("select");
  select.value = wallbox ?? "";
  select.setAttribute("aria-label", word("wallbox-label", { name }));
  row.querySelector("[data-form=remove] button")
    .setAttribute("aria-label", word("remove-label", { name }));
  list.append(row);
}

function showNumber() {
  document.getElementById("empty").hidden = list.children.length > 0;
}

enhance(document.getElementById("add"), {
  document() {
    const { name, wallbox } = document.getElementById("add").elements;
    return { name: name.value.trim(), wallbox: wallbox.value || null };
  },
  done(user) {
    const created = document.getElementById("created");
    show(created, "created-name", user.name);
    show(created, "created-wallbox", wallboxName(user.wallbox));
    write(document.getElementById("created-id"), user.id);
    created.hidden = false;
    created.focus();
    document.getElementById("add").reset();
    addRow(user);
    showNumber();
    return word("added");
  },
});

async function remove(row) {
  const { user: name } = row.dataset;
  show(dialog, "remove-name", name);
  if (!(await ask(dialog))) {
    return;
  }
  await send(pathOf(name), {}, "DELETE");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  showNumber();
  (next?.querySelector("[data-form=remove] button")
    ?? document.getElementById("name")).focus();
  say(outcome, word("removed"), "good");
}

async function change(row, wallbox) {
  await send(pathOf(row.dataset.user), { wallbox: wallbox || null }, "PATCH");
  say(outcome, word("saved"), "good");
}

async function attempt(work) {
  say(outcome, "");
  try {
    await work();
  } catch (failure) {
    if (!(failure instanceof Failure)) {
      throw failure;
    }
    say(outcome, failure.message, "bad");
  }
}

list.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.dataset.form === "remove") {
    attempt(() => remove(event.target.closest("li")));
  }
});
list.addEventListener("change", (event) => {
  attempt(() => change(event.target.closest("li"), event.target.value));
});
