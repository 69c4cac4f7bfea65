// An access key in a browser: kept in its local storage, and presented to the server.

const KEPT = "cfos-cloud-key"
const TRIED = "cfos-cloud-key-tried"
const PAUSE = 30_000
const PATIENCE = 20_000

// Storage may be forbidden; then one brings the key each time.
export const kept = () => {
  try {
    return localStorage.getItem(KEPT)
  } catch {
    return null
  }
}

export const keep = (key) => {
  try {
    localStorage.setItem(KEPT, key)
  } catch {
    // see above
  }
}

export const forget = () => {
  try {
    localStorage.removeItem(KEPT)
  } catch {
    // see above
  }
}

export const wasTriedJustNow = () => {
  try {
    return Math.abs(Date.now() - Number(sessionStorage.getItem(TRIED))) < PAUSE
  } catch {
    return true
  }
}

export const noteTry = () => {
  try {
    sessionStorage.setItem(TRIED, String(Date.now()))
  } catch {
    // see above
  }
}

// What a key says of itself; whether it is true is the server's to say.
export const claimsOf = (key) => {
  try {
    const [, claims] = key.split(".")
    return JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) ?? {}
  } catch {
    return {}
  }
}

const inWords = (seconds) => {
  const style = { style: "unit", unit: "second", unitDisplay: "long" }
  return new Intl.NumberFormat(document.documentElement.lang, style).format(seconds)
}

// Where to go, or why not: failed, throttled, unreachable.
export const present = async (form, key, attempt = new AbortController()) => {
  const timer = setTimeout(() => attempt.abort(), PATIENCE)
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams({ csrf: form.elements.csrf.value, key }),
      cache: "no-store",
      signal: attempt.signal,
    })
    if (answer.ok) {
      return { location: (await answer.json()).location }
    }
    if (answer.status === 401) {
      return { problem: "failed" }
    }
    if (answer.status === 429) {
      const seconds = Number(answer.headers.get("Retry-After")) || 5
      const problem = "throttled"
      return { problem, seconds, text: form.dataset.throttled.replace("{time}", inWords(seconds)) }
    }
  } catch {
    // no server, no answer in time, or somebody else's answer
  } finally {
    clearTimeout(timer)
  }
  return { problem: "unreachable", text: form.dataset.unreachable }
}

export const enter = (place) => {
  // Once more: the answer may have cleared it.
  noteTry()
  location.replace(place)
}
