// Files into text fields: forms stay as they are without this script, where one pastes.

const LARGEST = 48 * 1024

for (const button of document.querySelectorAll("button[data-choose]")) {
  const input = document.getElementById(button.dataset.choose)
  const into = document.getElementById(input.dataset.into)
  const line = document.getElementById(`${into.id}-problem`)
  button.addEventListener("click", () => input.click())
  input.addEventListener("change", async () => {
    const file = input.files[0]
    if (!file) {
      return
    }
    if (file.size > LARGEST) {
      line.querySelector("span").textContent = input.dataset.large
      line.hidden = false
      return
    }
    into.value = await file.text()
    line.hidden = true
    into.removeAttribute("aria-invalid")
    into.focus()
    input.value = ""
  })
  button.parentElement.hidden = false
}
