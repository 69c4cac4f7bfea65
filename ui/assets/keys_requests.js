// Applications that ask for a key appear while one looks, as long as they may ask.
// Without this script one looks again by a link.

// Milliseconds between two looks.
const PAUSE = 2_000

const card = document.getElementById("requests")
const words = card.dataset
const list = card.querySelector("[data-requests]")
const template = card.querySelector("template")
const said = card.querySelector("[data-said]")
const trouble = card.querySelector("[data-trouble]")
const clock = card.querySelector("[data-clock]")
const page = document.documentElement.lang
const language = navigator.languages.find((each) => each.split("-")[0] === page) ??
  { en: "en-GB", pt: "pt-PT" }[page] ?? page

let closesAt = performance.now() + Number(words.left) * 1_000
let isOpen = Number(words.left) > 0
let timer

const put = (template, values) =>
  template.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "")

const warn = (text) => {
  if (trouble.textContent !== text) {
    trouble.textContent = text
  }
  trouble.hidden = text === ""
}

const dateOf = (text) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(text))

const rows = () =>
  new Map([...list.children].map((row) => [row.dataset.request, row]))

const makeRow = (key) => {
  const row = template.content.firstElementChild.cloneNode(true)
  const texts = {
    code: key.code,
    name: key.name,
    role: key.role === "admin" ? words.admin : words.api,
    expires: key.expires === null ? words.never : dateOf(key.expires),
    from: key.requested_from === null
      ? ""
      : put(words.from, { address: key.requested_from }),
  }
  row.dataset.request = key.id
  for (const slot of row.querySelectorAll("[data-slot]")) {
    slot.textContent = texts[slot.dataset.slot]
  }
  row.querySelector("input[name=key]").value = key.id
  const opener = row.querySelector("[data-dialog]")
  Object.assign(opener.dataset, texts, { key: key.id })
  opener.href = `?ask=authorise&key=${encodeURIComponent(key.id)}`
  return row
}

const show = (keys) => {
  // The API has the newest first; who looks should not see them change places.
  const asking = keys
    .filter(({ state, code }) => state === "pending" && code !== null).reverse()
  const known = rows()
  const added = asking.filter(({ id }) => !known.delete(id))
  list.append(...added.map(makeRow))
  if (added.length > 0) {
    said.textContent = added.map((key) => put(words.saidOne, key)).join(" ")
  }
  for (const row of known.values()) {
    row.remove()
  }
  const isEmpty = list.children.length === 0
  list.hidden = isEmpty
  card.querySelector("[data-advice]").hidden = isEmpty
  card.querySelector("[data-nobody]").hidden = !isOpen || !isEmpty
}

const setOpen = (now) => {
  if (isOpen && !now) {
    said.textContent = words.closed
  }
  isOpen = now
  for (const part of card.querySelectorAll("[data-while]")) {
    part.hidden = (part.dataset.while === "open") !== isOpen
  }
}

const tick = () => {
  const left = Math.max(0, Math.ceil((closesAt - performance.now()) / 1_000))
  clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
  if (left === 0 && isOpen) {
    setOpen(false)
  }
}

const get = (path) => fetch(path, {
  headers: { Accept: "application/json" },
  cache: "no-store",
  signal: AbortSignal.timeout?.(10_000),
})

// Somebody may have opened it anew. What counts is how much later: the clock of this
// machine may be wrong.
const follow = (until) => {
  const shown = card.querySelector("[data-while=open] time")
  if (until && until !== shown.dateTime) {
    closesAt += Date.parse(until) - Date.parse(shown.dateTime)
    shown.dateTime = until
    const time = new Intl.DateTimeFormat(language, { timeStyle: "short" })
    shown.textContent = time.format(new Date(until))
  }
}

// Whether to look once more.
const look = async () => {
  const answers = await Promise.all([get(words.pairing), get(`${words.keys}?limit=200`)])
  if (answers.some(({ status }) => status === 401 || status === 403)) {
    warn(words.over)
    return false
  }
  if (!answers.every(({ ok }) => ok)) {
    throw new Error("no answer")
  }
  const [pairing, keys] = await Promise.all(answers.map((answer) => answer.json()))
  warn("")
  follow(pairing.until)
  setOpen(pairing.open)
  show(keys.items)
  return isOpen
}

const again = async () => {
  let isOn = true
  if (!document.hidden) {
    try {
      isOn = await look()
    } catch {
      warn(words.lost)
    }
  }
  if (isOn) {
    timer = setTimeout(again, PAUSE)
  }
}

if (isOpen) {
  card.querySelector("[data-countdown]").hidden = false
  tick()
  setInterval(tick, 500)
  again()
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && isOpen) {
      clearTimeout(timer)
      again()
    }
  })
}
