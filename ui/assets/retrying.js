// The page of a device that can't answer just now: tries again after a time that can
// be seen and stopped. Each further try on this address waits longer, up to a minute.

const LONGEST = 60
const KEY = "cfos-retries"

const box = document.querySelector("[data-retry]")
const button = box.querySelector("button")
const trying = box.querySelector(".trying")
const countdown = box.querySelector(".countdown")
const left = box.querySelector("[data-left]")
const first = Number(box.dataset.retry)
const here = location.pathname

// Storage may be forbidden: then all waits are the first one.
const tries = () => {
  try {
    const known = JSON.parse(sessionStorage.getItem(KEY))
    const isFresh = Date.now() - known.at < 2 * LONGEST * 1_000
    return known.here === here && isFresh ? known.count : 0
  } catch {
    return 0
  }
}

const note = (count) => {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ here, count, at: Date.now() }))
  } catch {
    // see above
  }
}

const count = tries()
let seconds = Math.min(first * 2 ** Math.min(count, 6), LONGEST)
let timer

const show = () => {
  left.textContent = `${seconds} s`
}

const stop = () => {
  clearInterval(timer)
  countdown.hidden = true
  button.hidden = true
  trying.textContent = trying.dataset.stopped
}

const tick = () => {
  // Nobody looks: nobody waits.
  if (document.hidden) {
    return
  }
  seconds -= 1
  show()
  if (seconds <= 0) {
    clearInterval(timer)
    countdown.hidden = true
    button.hidden = true
    trying.textContent = trying.dataset.trying
    note(count + 1)
    if (location.hash) {
      location.reload()
    } else {
      location.replace(location.href)
    }
  }
}

button.addEventListener("click", stop)
show()
box.hidden = false
timer = setInterval(tick, 1_000)
