// Small things that several pages do with their elements.

const sprite = document.querySelector("svg.icon use")?.getAttribute("href")
  .replace(/#.*/, "") ?? "";

/** Writes a text where it differs: nothing else should be drawn anew. */
export function show(root, name, text) {
  for (const element of root.querySelectorAll(`[data-value="${name}"]`)) {
    write(element, text);
  }
}

export function write(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Gives the first icon inside ``root`` another picture. */
export function setIcon(root, name) {
  const use = root.querySelector("svg.icon use");
  const href = `${sprite}#${name}`;
  if (use.getAttribute("href") !== href) {
    use.setAttribute("href", href);
  }
}

/** Asks by a dialog of the page; resolves to whether it was "yes". */
export function ask(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "no";
    dialog.addEventListener(
      "close",
      () => resolve(dialog.returnValue === "yes"),
      { once: true },
    );
    dialog.showModal();
  });
}

/** Does something now and then, but not in a tab that nobody looks at. */
export function everySoOften(milliseconds, work) {
  let timer = 0;
  const run = async () => {
    clearTimeout(timer);
    if (!document.hidden) {
      await work();
    }
    clearTimeout(timer);
    timer = setTimeout(run, milliseconds);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      run();
    }
  });
  timer = setTimeout(run, milliseconds);
}
