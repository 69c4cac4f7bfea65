// The access key that this browser keeps: what becomes of it is said in a box above the
// log-in form, which is out of the way while somebody is being logged in.

import { claimsOf, enter, forget, keep, kept, noteTry, present } from "./access_key.js"

export const offerKept = (box, form, key, isTriedNow) => {
  const { sub: system } = claimsOf(key)
  const progress = box.querySelector(".progress")
  const what = box.querySelector(".what")
  const problem = document.getElementById("kept-key-problem")
  const others = document.querySelectorAll(".login-form, .fold")
  const buttons = [...box.querySelectorAll("[data-do]")]
  const button = (name) => buttons.find((each) => each.dataset.do === name)
  let attempt

  // A Cloud ID has hyphens, at which it must not break.
  const say = (place, text) => {
    const name = document.createElement("span")
    name.className = "whole"
    name.textContent = system
    const [before, after] = text.split("{system}")
    place.replaceChildren(before, ...(after === undefined ? [] : [name, after]))
  }

  // Of what is hidden, the focus would be lost.
  const moveFocus = (change, next) => {
    const hadFocus = box.contains(document.activeElement)
    change()
    if (hadFocus) {
      next()?.focus()
    }
  }

  const show = (text, ...shown) => moveFocus(() => {
    const isBusy = shown.includes("cancel")
    say(what, text)
    box.querySelector(".spinner").hidden = !isBusy
    for (const each of buttons) {
      each.hidden = !shown.includes(each.dataset.do)
      each.disabled = false
    }
    for (const each of others) {
      each.hidden = isBusy
    }
    progress.hidden = false
    box.hidden = false
  }, () => buttons.find((each) => !each.hidden))

  const leave = () => moveFocus(() => {
    progress.hidden = true
    for (const each of others) {
      each.hidden = false
    }
  }, () => document.getElementById("cloud_id"))

  const wait = () => show(box.dataset.kept, "use", "forget")

  const logIn = async () => {
    const mine = attempt = new AbortController()
    noteTry()
    show(box.dataset.trying, "cancel")
    const { location: place, problem: why, text, seconds } = await present(form, key, mine)
    if (mine !== attempt) {
      return
    }
    if (place) {
      keep(key)
      enter(place)
    } else if (why === "failed") {
      forget()
      leave()
      say(problem.querySelector("span"), box.dataset.failed)
      problem.hidden = false
    } else {
      show(text, "again", "forget")
      if (seconds) {
        button("again").disabled = true
        setTimeout(() => {
          button("again").disabled = false
        }, seconds * 1_000)
      }
    }
  }

  const cancel = () => {
    attempt?.abort()
    attempt = undefined
    wait()
  }

  const forgetIt = () => {
    forget()
    leave()
    box.hidden = true
  }

  const deeds = { cancel, use: logIn, again: logIn, forget: forgetIt }
  for (const each of buttons) {
    each.addEventListener("click", deeds[each.dataset.do])
  }
  // Back by the browser's button: the page is as it was left.
  addEventListener("pageshow", (event) => {
    if (event.persisted && kept() === key) {
      cancel()
    }
  })
  if (isTriedNow) {
    logIn()
  } else {
    wait()
  }
}
