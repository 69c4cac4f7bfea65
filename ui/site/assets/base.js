// On every page: times of the reader's own zone, and buttons that copy.

import { localise } from "./format.js";
import { write } from "./page.js";
import { word } from "./words.js";

const COPIED_FOR = 3_000;

document.documentElement.classList.add("js");
localise();

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.querySelector("span");
  const before = label.textContent;
  label.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    const copied = await copy(document.getElementById(button.dataset.copy));
    write(label, word(copied ? "copied" : "not-copied"));
    setTimeout(() => write(label, before), COPIED_FOR);
  });
}

/** Whether the element's text is in the clipboard now. */
async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    // There is no clipboard on plain HTTP; a selection can be copied even there.
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
