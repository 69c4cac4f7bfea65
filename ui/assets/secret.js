// Buttons that show what is typed into a password field, and hide it again.
// Before a form leaves, its fields are passwords again: browsers remember what was
// typed as text, and password managers look for a password.

for (const button of document.querySelectorAll("button[data-secret]")) {
  const input = document.getElementById(button.dataset.secret)
  const show = (isShown) => {
    input.type = isShown ? "text" : "password"
    button.textContent = isShown ? button.dataset.hide : button.dataset.show
  }
  button.addEventListener("click", () => {
    show(input.type === "password")
    input.focus()
  })
  input.form?.addEventListener("submit", () => show(false))
  button.hidden = false
}
