// Log-in by an access key. The form works without this script; with it
// - the key can stay in the local storage of this browser, and the page then logs in by
//   itself, once in half a minute at most: a session that ends at once must not lead
//   here and there for ever,
// - log-out forgets the key: the form's handler does, and once more the page that
//   log-out leads to.
// The key is sent by fetch and stored after the answer, as that may clear what was in
// the storage before (Clear-Site-Data).

import { claimsOf, enter, forget, keep, kept, present, wasTriedJustNow } from "./access_key.js"
import { complain } from "./complain.js"
import { offerKept } from "./kept_key.js"

const WHOLE = /^[\w-]+\.[\w-]+\.[\w-]+$/

const form = document.querySelector(".key-form")
const box = document.querySelector("[data-kept-key]")

const takeForm = () => {
  const { key: field, keep: keepBox } = form.elements
  const button = form.querySelector("button[type=submit]")
  const status = form.querySelector("[role=status]")
  const label = button.textContent
  let isBusy = false

  const setBusy = (now) => {
    isBusy = now
    button.textContent = now ? button.dataset.busy : label
    status.textContent = now ? button.dataset.busy : ""
    if (now) {
      button.setAttribute("aria-disabled", "true")
    } else {
      button.removeAttribute("aria-disabled")
    }
  }

  const complaint = (key) => {
    if (key === "") {
      return field.dataset.empty
    }
    if (!WHOLE.test(key)) {
      return field.dataset.wrong
    }
    return claimsOf(key).role === "api" ? field.dataset.other : ""
  }

  form.noValidate = true
  form.querySelector("[data-needs-script]").hidden = false
  field.addEventListener("input", () => complain(field, ""))

  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    if (isBusy) {
      return
    }
    const key = field.value.replace(/\s+/g, "")
    const wrong = complaint(key)
    complain(field, wrong)
    if (wrong) {
      field.focus()
      return
    }
    setBusy(true)
    const { location: place, problem, text } = await present(form, key)
    if (place) {
      field.value = ""
      if (keepBox.checked) {
        keep(key)
      } else {
        forget()
      }
      enter(place)
      return
    }
    setBusy(false)
    // The operator's keys say "cloud"; a system may be called so, too.
    const failed = claimsOf(key).sub === "cloud" ? field.dataset.other : form.dataset.failed
    complain(field, problem === "failed" ? failed : text)
    field.focus()
  })

  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      setBusy(false)
    }
  })
}

document.querySelector(".logout-form")?.addEventListener("submit", forget)

if (location.hash === "#logged_out") {
  forget()
  // Not again when somebody comes back to this page, with another key maybe.
  history.replaceState(null, "", location.pathname + location.search)
}

if (form !== null) {
  takeForm()
}

if (box !== null) {
  const key = kept()
  const { sub } = claimsOf(key ?? "")
  if (typeof sub === "string") {
    // A link to another system, or a log-in that failed: somebody wants something else.
    const system = new URLSearchParams(location.search).get("system") ?? ""
    const wanted = (location.hash.slice(1) || system.split("--").pop()).toLowerCase()
    const isWanted = wanted === "" || wanted === sub.toLowerCase()
    const hasFailed = document.querySelector("[data-problem]") !== null
    offerKept(box, form, key, isWanted && !hasFailed && !wasTriedJustNow())
  } else if (key !== null) {
    forget()
  }
}
