// A new key is authorised without leaving the page that shows it, this once. The form
// says by which control (data-control) and to which address, and as what (data-member).

import { complain } from "./complain.js"

const form = document.querySelector("form[data-authorise]")

// "type": "urn:problem:cfos-cloud:wrong-secret" says which of our words it is.
const reason = async (answer) => {
  const words = form.dataset
  const { type = "" } = await answer.json().catch(() => ({}))
  const name = type.split(":").at(-1).replace(/-(.)/g, (_, each) => each.toUpperCase())
  if (["systemAdmin", "csrf"].includes(name) || answer.status === 401) {
    return words.over
  }
  if (words[name]) {
    return words[name]
  }
  if (answer.status === 429) {
    const seconds = Number(answer.headers.get("Retry-After")) || 5
    return words.wait.replace("{time}", `${seconds} s`)
  }
  // What the operator gives is a member of what they ask for.
  if (answer.status === 422) {
    return words.wrongSecret
  }
  return [502, 504].includes(answer.status) ? words.noAnswer : words.failed
}

const works = () => {
  const done = form.parentElement.querySelector("[data-done]")
  form.hidden = true
  done.hidden = false
  done.focus()
  const row = document.querySelector(`[data-key-row="${form.dataset.key}"]`)
  const badge = row?.querySelector(".badge")
  if (badge) {
    badge.className = "badge good"
    badge.textContent = form.dataset.works
  }
  row?.querySelector("[data-dialog=authorise]")?.remove()
}

const ask = (secret) => fetch(form.dataset.authorise, {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    "X-CSRF-Token": document.querySelector("meta[name=csrf]").content,
  },
  body: JSON.stringify({ [form.dataset.member ?? "admin_secret"]: secret }),
})

if (form) {
  const secret = form.elements[form.dataset.control ?? "admin_secret"]
  const button = form.querySelector("button[type=submit]")
  const label = button.textContent

  const authorise = async () => {
    button.setAttribute("aria-disabled", "true")
    button.textContent = button.dataset.busy
    complain(secret, "")
    try {
      const answer = await ask(secret.value)
      if (answer.ok) {
        secret.value = ""
        works()
        return
      }
      complain(secret, await reason(answer))
    } catch {
      complain(secret, form.dataset.failed)
    } finally {
      button.removeAttribute("aria-disabled")
      button.textContent = label
    }
    secret.select()
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault()
    if (button.getAttribute("aria-disabled") !== "true") {
      authorise()
    }
  })
}
