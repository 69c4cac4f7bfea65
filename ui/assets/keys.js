// Questions about an access key: one dialog for all keys, filled in as it opens.
// Without this script a link leads to a page of its own for each.

const fill = (dialog, opener) => {
  const { key, ...texts } = opener.dataset
  for (const slot of dialog.querySelectorAll("[data-slot]")) {
    slot.textContent = texts[slot.dataset.slot] ?? ""
  }
  for (const part of dialog.querySelectorAll("[data-with]")) {
    part.hidden = !texts[part.dataset.with]
  }
  const field = dialog.querySelector("input[name=key]")
  if (field && key) {
    field.value = key
  }
  for (const secret of dialog.querySelectorAll("input[type=password]")) {
    secret.value = ""
  }
}

// Before it opens.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog][data-key]")
  const dialog = opener && document.getElementById(opener.dataset.dialog)
  if (dialog) {
    fill(dialog, opener)
  }
}, { capture: true })
