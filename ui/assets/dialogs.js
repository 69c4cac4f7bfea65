// Dialogs open by their address (#id) without this script; with it they are modal:
// the keyboard stays inside, Escape closes, and the focus goes back to the opener.

for (const opener of document.querySelectorAll("[data-dialog]")) {
  opener.addEventListener("click", (event) => {
    const dialog = document.getElementById(opener.dataset.dialog)
    if (dialog?.showModal) {
      event.preventDefault()
      dialog.showModal()
    }
  })
}

for (const closer of document.querySelectorAll("[data-dialog-close]")) {
  closer.addEventListener("click", (event) => {
    const dialog = closer.closest("dialog")
    if (dialog.open) {
      event.preventDefault()
      dialog.close()
    }
  })
}
