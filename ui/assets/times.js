// Times of our pages in the reader's own zone, and spans that grow while one looks.
//   <time datetime="…" data-moment>       a moment
//   <span data-seconds="…">               how long ago that was
// Without this script both say what the server wrote: UTC, and the span at that time.

const page = document.documentElement.lang
// "en-AU" rather than "en" for somebody from there; never another language.
const language = navigator.languages.find((each) => each.split("-")[0] === page) ??
  { en: "en-GB", pt: "pt-PT" }[page] ?? page
const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]

const inWords = (milliseconds) => {
  const seconds = Math.max(1, Math.round(milliseconds / 1000))
  const [unit, size] = steps.find(([, size]) => seconds >= size * 1.5) ?? steps.at(-1)
  const style = { style: "unit", unit, unitDisplay: "long" }
  return new Intl.NumberFormat(language, style).format(Math.round(seconds / size))
}

// Counted from what the server said: the clock of this machine may be wrong.
const cameAt = performance.now()
const spans = [...document.querySelectorAll("[data-seconds]")].map((element) => ({
  element,
  before: Number(element.dataset.seconds) * 1_000,
}))

const tell = () => {
  for (const { element, before } of spans) {
    element.textContent = inWords(before + performance.now() - cameAt)
  }
}

const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0)

const dayOf = (moment) => {
  const days = Math.round((midnight(moment) - midnight(Date.now())) / 86_400_000)
  if (days === 0 || days === -1) {
    return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(days, "day")
  }
  return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(moment)
}

for (const element of document.querySelectorAll("time[data-moment]")) {
  const moment = new Date(element.dateTime)
  if (!Number.isNaN(moment.getTime())) {
    const time = new Intl.DateTimeFormat(language, { timeStyle: "short" })
    element.textContent = `${dayOf(moment)}, ${time.format(moment)}`
  }
}
if (spans.length > 0) {
  setInterval(tell, 15_000)
}
