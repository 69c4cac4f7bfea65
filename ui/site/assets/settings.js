// Settings of the site, its admin password, and its cloud service with its live state.

import { CloudState } from "./cloud.js";
import { enhance } from "./forms.js";
import { ask } from "./page.js";
import { word } from "./words.js";

/** Milliseconds to read that the password was changed before the page goes. */
const READING = 1_500;

function form(id) {
  return document.getElementById(id);
}

enhance(form("site"), {
  document() {
    const { name, limit_w: limit } = form("site").elements;
    return {
      name: name.value.trim(),
      limit_w: limit.value === "" ? null : Number(limit.value),
    };
  },
  done: () => word("saved"),
});

enhance(form("admin-password"), {
  async document() {
    const { old, new: chosen } = form("admin-password").elements;
    if (chosen.value === "" && !(await ask(form("empty-dialog")))) {
      return null;
    }
    return { old: old.value, new: chosen.value };
  },
  done() {
    const isEmpty = form("admin-password").elements.new.value === "";
    form("admin-password").reset();
    form("no-admin-password").hidden = !isEmpty;
    form("old-line").hidden = isEmpty;
    // Whoever is logged in by the old password has to log in anew.
    setTimeout(() => location.assign(location.pathname), READING);
    return word(isEmpty ? "password-removed" : "password-saved");
  },
});

// The cloud service

const isThroughCloud = form("through-cloud") !== null;
const cloud = new CloudState(form("cloud-state"));

/** Whether this change ends the connection over which it is sent. */
function cuts(wanted) {
  const { current } = cloud;
  return isThroughCloud && (
    !wanted.enabled
    || wanted.server !== (current?.server ?? wanted.server)
    || wanted.cloud_id !== (current?.cloud_id ?? wanted.cloud_id)
    || wanted.password !== ""
  );
}

let isCut = false;

enhance(form("cloud"), {
  async document() {
    const { enabled, server, cloud_id: id, password } = form("cloud").elements;
    const wanted = {
      enabled: enabled.checked,
      server: server.value.trim(),
      cloud_id: id.value.trim(),
      password: password.value,
    };
    isCut = cuts(wanted);
    return isCut && !(await ask(form("cut-dialog"))) ? null : wanted;
  },
  done(answer) {
    const { server, cloud_id: id, password, enabled } = form("cloud").elements;
    enabled.checked = answer.enabled;
    server.value = answer.server ?? "";
    id.value = answer.cloud_id ?? "";
    password.value = "";
    if (answer.password_set) {
      password.placeholder = "••••••••••••";
      document.getElementById("password-hint").textContent = word("password-kept");
    }
    cloud.answered(answer);
    return word(isCut ? "cloud-cut" : "cloud-saved");
  },
  failed(failure) {
    const isGone = [0, 401, 502, 503, 504].includes(failure.status);
    return isCut && isGone ? word("cloud-cut") : failure.message;
  },
});
