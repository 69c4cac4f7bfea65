// What happens while one looks: states, counts and traffic, by server-sent events.
// Rows stay where they are; what is new is offered by a link, not pushed in.

const box = document.querySelector("[data-live]")
const words = box.dataset
const said = box.querySelector("[data-said]")
const page = document.documentElement.lang
const language = navigator.languages.find((each) => each.split("-")[0] === page) ??
  { en: "en-GB", pt: "pt-PT" }[page] ?? page
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"]

const amount = (count) => {
  let value = count
  let unit = 0
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 ? 0 : 1
  const style = { minimumFractionDigits: digits, maximumFractionDigits: digits }
  return `${new Intl.NumberFormat(language, style).format(value)}\u00a0${UNITS[unit]}`
}

// Milliseconds to the next try where the server has refused one.
const AGAIN = 15_000

const rows = new Map()
for (const row of document.querySelectorAll("[data-system]")) {
  rows.set(row.dataset.system.toLowerCase(), row)
}

const tell = (text) => {
  if (said.textContent !== text) {
    said.textContent = text
  }
  box.hidden = text === ""
}

const write = (row, selector, text) => {
  const element = row.querySelector(selector)
  if (element && element.textContent !== text) {
    element.textContent = text
  }
}

const whenOf = (moment) => {
  const time = new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(moment)
  const isToday = moment.toDateString() === new Date().toDateString()
  const day = isToday
    ? new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "day")
    : new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(moment)
  return `${day}, ${time}`
}

const stateOf = (system) => {
  if (system.online) {
    return [words.online, "good"]
  }
  if (!system.enabled) {
    return [words.disabled, "bad"]
  }
  return system.since === null ? [words.never, ""] : [words.offline, "warn"]
}

const showState = (row, label, kind, since) => {
  const badge = row.querySelector("[data-badge] .badge")
  badge.className = `badge ${kind}`
  badge.textContent = label
  const place = row.querySelector("[data-since]")
  place.replaceChildren()
  if (since) {
    const time = document.createElement("time")
    time.dateTime = since
    time.textContent = whenOf(new Date(since))
    place.append(`${words.wordSince} `, time)
  }
}

const showTraffic = (row, system) => {
  write(row, "[data-in]", amount(system.bytes_in))
  write(row, "[data-out]", amount(system.bytes_out))
}

const show = (system) => {
  const row = rows.get(system.cloud_id.toLowerCase())
  if (!row) {
    return
  }
  showState(row, ...stateOf(system), system.since)
  row.querySelector("[data-end-to-end]").hidden = !system.end_to_end
  write(row, "[data-agent]", system.agent ?? "–")
  write(row, "[data-client]", system.client ?? "–")
  showTraffic(row, system)
}

const showRemoved = (id) => {
  const row = rows.get(id.toLowerCase())
  if (row) {
    showState(row, words.removed, "bad", null)
  }
}

// What happened meanwhile nobody has told. Not by loading the page anew: it may show a
// password that it never shows again, or have a form that somebody is filling in.
const catchUp = async () => {
  for (const id of [...rows.values()].map((row) => row.dataset.system)) {
    const path = `/cloud/api/v1/systems/${encodeURIComponent(id)}`
    const answer = await fetch(path, { cache: "no-store" })
    if (answer.ok) {
      show(await answer.json())
    } else if (answer.status === 404) {
      showRemoved(id)
    }
  }
}

const listen = (isFirst) => {
  const query = words.watched.split(" ").filter((id) => id)
    .map((id) => `watch=${encodeURIComponent(id)}`).join("&")
  const source = new EventSource(`${words.live}?${query}`)
  let news = ""

  const on = (name, handle) => {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)))
  }

  // Whether any of them is another one than before.
  const counts = ({ systems, online }) => {
    let changed = false
    for (const [name, value] of Object.entries({ systems, online })) {
      const place = document.querySelector(`[data-count="${name}"]`)
      if (place && Number(place.textContent.replace(/\D/g, "")) !== value) {
        place.textContent = new Intl.NumberFormat(language).format(value)
        changed = true
      }
    }
    return changed
  }

  on("hello", (hello) => {
    const changed = counts(hello)
    tell(news)
    // Between the page and this, too, something may have happened.
    if (!isFirst || changed || rows.size === 1) {
      catchUp().catch(() => tell(words.lost))
    }
    isFirst = false
  })
  on("counts", counts)
  on("resync", () => catchUp().catch(() => tell(words.lost)))
  on("removed", ({ cloud_id: id }) => showRemoved(id))
  on("system", show)
  on("event", ({ kind }) => {
    if (kind === "system_added" && document.querySelector("[data-count]")) {
      news = words.new
      tell(news)
    }
  })
  on("traffic", ({ items }) => {
    for (const system of items) {
      const row = rows.get(system.cloud_id.toLowerCase())
      if (row) {
        showTraffic(row, system)
      }
    }
  })
  source.addEventListener("error", async () => {
    tell(words.lost)
    if (source.readyState !== EventSource.CLOSED) {
      return
    }
    // Refused: is the session over, or is the server full?
    const answer = await fetch("/cloud/api/v1/session", { cache: "no-store" })
      .catch(() => null)
    if (answer?.status === 401) {
      tell(words.over)
    } else {
      setTimeout(() => listen(false), AGAIN)
    }
  })
  addEventListener("pagehide", () => source.close(), { once: true })
}

addEventListener("pageshow", (event) => {
  if (event.persisted) {
    listen(false)
  }
})
listen(true)
