// Says beside a field what is wrong with it, to eyes and ears; no text: nothing is.

export const complain = (input, text) => {
  const line = document.getElementById(`${input.id}-problem`)
  line.querySelector("span").textContent = text
  line.hidden = text === ""
  const others = (input.getAttribute("aria-describedby") ?? "")
    .split(" ").filter((id) => id && id !== line.id)
  const ids = text ? [line.id, ...others] : others
  if (ids.length > 0) {
    input.setAttribute("aria-describedby", ids.join(" "))
  } else {
    input.removeAttribute("aria-describedby")
  }
  if (text) {
    input.setAttribute("aria-invalid", "true")
  } else {
    input.removeAttribute("aria-invalid")
  }
}
