// The page of a device that is offline: asks the server whether it is back, and then
// opens what was asked for. What had a query, or was sent by a form, is left to the
// person: devices change by such requests, and an hour later it may not be wanted.

const FIRST = 2_000
const LONGEST = 15_000

const box = document.querySelector("[data-waiting]")
const what = box.querySelector(".what")
const waiting = what.textContent
let delay = FIRST
let timer
let isAsking = false

const say = (text) => {
  if (what.textContent !== text) {
    what.textContent = text
  }
}

const open = () => {
  // To replace an address by itself, fragment and all, would only scroll.
  if (location.hash) {
    location.reload()
  } else {
    location.replace(location.href)
  }
}

const deviceIsBack = () => {
  box.classList.add("is-over")
  box.querySelector(".spinner").hidden = true
  for (const stop of document.querySelectorAll(".way li")) {
    stop.className = ""
  }
  for (const past of document.querySelectorAll("[data-until-back]")) {
    past.hidden = true
  }
  if ("reloads" in box.dataset) {
    say(what.dataset.back)
    open()
  } else {
    // The title says it to the eyes, the box to the ears.
    say(what.dataset.backByHand)
    box.classList.add("spoken")
    document.querySelector("h1").textContent = what.dataset.backByHand
  }
}

const again = () => {
  clearTimeout(timer)
  // Not all at once who lost it at once.
  timer = setTimeout(ask, delay * (0.8 + 0.4 * Math.random()))
  delay = Math.min(delay * 1.5, LONGEST)
}

const ask = async () => {
  if (isAsking || document.hidden) {
    return
  }
  isAsking = true
  try {
    const answer = await fetch(box.dataset.waiting, {
      headers: { Accept: "application/json" },
      cache: "no-store",
      signal: AbortSignal.timeout?.(10_000),
    })
    if (answer.status === 401) {
      // The session is over: the start page leads to the log-in.
      location.replace("/")
      return
    }
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`)
    }
    if ((await answer.json()).online) {
      deviceIsBack()
      return
    }
    say(waiting)
  } catch {
    say(what.dataset.noServer)
  } finally {
    isAsking = false
  }
  again()
}

const now = () => {
  if (!document.hidden && !box.classList.contains("is-over")) {
    clearTimeout(timer)
    delay = FIRST
    ask()
  }
}

box.hidden = false
document.addEventListener("visibilitychange", now)
addEventListener("online", now)
again()
