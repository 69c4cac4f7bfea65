// Dialogs open by their address (#id) without this script; with it they are modal:
// the keyboard stays inside, Escape closes, and the focus goes back to the opener.
// It listens on the page as a whole: what is added later works, too.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]")
  const dialog = opener && document.getElementById(opener.dataset.dialog)
  if (dialog?.showModal) {
    event.preventDefault()
    dialog.showModal()
    return
  }
  const open = event.target.closest("[data-dialog-close]")?.closest("dialog")
  if (open?.open) {
    event.preventDefault()
    open.close()
  }
})
