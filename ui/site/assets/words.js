// The page's words in its language, for scripts.

const words = new Map();
const template = document.getElementById("words");
for (const span of template.content.querySelectorAll("[data-word]")) {
  words.set(span.dataset.word, span.textContent);
}

/** Whether the page has this word. */
export function isKnown(key) {
  return words.has(key);
}

/** The word, with each {name} replaced by its value. */
export function word(key, values = {}) {
  return (words.get(key) ?? key).replace(
    /\{([a-z]+)\}/g,
    (all, name) => (name in values ? String(values[name]) : all),
  );
}

/** A name that the simulation gave, in the page's language; any other as it is. */
export function named(name) {
  return words.get(`name-${name}`) ?? name;
}
