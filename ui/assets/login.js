// The log-in form. It works without this script; with it
// - an address like /#W00-008J, on a sticker with a QR code say, fills in the Cloud ID
//   (what follows # is never sent to anybody),
// - what was typed, but for the secret, is there again after a log-in that failed: the
//   server's answer to every failure is the same, and so can't have it,
// - what is missing is said beside its field, before anything is sent,
// - one sees that the device is being asked, and how long to wait after too many tries.

import { complain } from "./complain.js"

const KEY = "cfos-login"

const form = document.querySelector(".login-form")

const remember = (typed) => {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(typed))
  } catch {
    // Storage may be forbidden; then one types again.
  }
}

const remembered = () => {
  try {
    const typed = JSON.parse(sessionStorage.getItem(KEY)) ?? {}
    sessionStorage.removeItem(KEY)
    return typed
  } catch {
    return {}
  }
}

const complaint = (input) => {
  if (input.validity.valueMissing || input.value.trim() === "") {
    return input.dataset.empty
  }
  return input.validity.patternMismatch ? input.dataset.wrong : ""
}

const waitBefore = (button, seconds) => {
  const label = button.textContent
  const until = performance.now() + seconds * 1_000
  const tell = () => {
    const left = Math.ceil((until - performance.now()) / 1_000)
    button.disabled = left > 0
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
    button.textContent = left > 0 ? `${label} (${clock})` : label
    if (left <= 0) {
      clearInterval(timer)
    }
  }
  const timer = setInterval(tell, 250)
  tell()
}

if (form !== null) {
  const { cloud_id: cloudId, admin, cloud_user_id: secret } = form.elements
  const button = form.querySelector("button[type=submit]")
  const status = form.querySelector("[role=status]")
  const label = button.textContent

  form.noValidate = true

  const typed = remembered()
  if (form.dataset.problem) {
    cloudId.value = typed.cloudId ?? cloudId.value
    admin.checked = typed.isAdmin ?? admin.checked
    if (cloudId.value) {
      secret.focus()
    }
  }
  const given = location.hash.slice(1)
  if (/^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/.test(given) && given.length <= 40) {
    cloudId.value = given
  }

  for (const input of [cloudId, secret]) {
    input.addEventListener("input", () => complain(input, ""))
  }

  form.addEventListener("submit", (event) => {
    const wrong = [cloudId, secret].filter((input) => {
      const text = complaint(input)
      complain(input, text)
      return text
    })
    if (wrong.length > 0 || button.getAttribute("aria-disabled") === "true") {
      event.preventDefault()
      wrong[0]?.focus()
      return
    }
    remember({ cloudId: cloudId.value, isAdmin: admin.checked })
    // Not disabled: a press more does nothing, and the focus stays where it is.
    button.setAttribute("aria-disabled", "true")
    button.textContent = status.textContent = button.dataset.busy
  })

  // Back from the device by the browser's button: the page is as it was left.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      button.removeAttribute("aria-disabled")
      button.textContent = label
      status.textContent = ""
    }
  })

  if (form.dataset.wait) {
    waitBefore(button, Number(form.dataset.wait))
  }
}
