// Buttons that copy what is shown once. Without a clipboard (plain HTTP) they select it.

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy)
  const label = button.textContent
  const select = () => getSelection().selectAllChildren(source)
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent.trim())
      button.textContent = button.dataset.copied
      setTimeout(() => { button.textContent = label }, 3_000)
    } catch {
      select()
    }
  })
  button.hidden = false
}
