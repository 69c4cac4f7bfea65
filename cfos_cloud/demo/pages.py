"""What the demonstration site shows: templates, style and script, no reactor."""

from __future__ import annotations

from jinja2 import DictLoader, Environment

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{{ title }} – Demo site</title>
  <link rel="stylesheet" href="/site.css">
  <script src="/site.js" defer></script>
</head>
<body>
  <header>
    <strong>Demo site</strong>
    <nav>
      <a href="/">Live</a>
      <a href="/ui/en/index.htm">Device</a>
      <a href="/headers">Headers</a>
      {%- if cloud %}
      <a href="{{ cloud }}">Cloud Login</a>
      {%- endif %}
    </nav>
  </header>
  <main>
    <h1>{{ title }}</h1>
    {% block main required %}{% endblock %}
  </main>
  <footer>
    {%- if user %}Logged in through the cloud as {{ user }} ({{ role }}).
    {%- else %}Reached directly.{% endif -%}
  </footer>
</body>
</html>
"""

_LIVE = """\
{% extends "page" %}
{% block main %}
    <dl id="values">
      {%- for name, value, unit in values %}
      <div><dt>{{ name }}</dt><dd><output data-value="{{ name }}">{{ value }}</output>
        {{ unit }}</dd></div>
      {%- endfor %}
    </dl>
    <p>The site's clock: <output id="clock">–</output></p>
{% endblock %}
"""

_DEVICE = """\
{% extends "page" %}
{% block main %}
    <table>
      <tr><th>Time</th><td>{{ time }}</td></tr>
      <tr><th>Reached as</th><td>{{ host }}</td></tr>
      <tr><th>User</th><td>{{ user or "none" }}</td></tr>
      <tr><th>Role</th><td>{{ role or "none" }}</td></tr>
    </table>
    <h2>Files</h2>
    <p><a href="/download/charging-log.csv">Charging log of the last day (CSV)</a></p>
    <p><a href="/download/blob?mib=64">64 MiB of data</a></p>
    <p><input type="file" id="file" aria-label="File to upload">
      <button id="send" type="button">Upload</button>
      <output id="uploaded"></output></p>
{% endblock %}
"""

STYLE = """\
:root { color-scheme: light dark; --line: #8886; --accent: #0a7d55; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 48rem;
  padding: 0 1rem; }
header, footer { display: flex; flex-wrap: wrap; gap: .5rem 2rem; padding: 1rem 0;
  border-bottom: 1px solid var(--line); }
footer { border: 0; border-top: 1px solid var(--line); opacity: .8; }
nav { display: flex; flex-wrap: wrap; gap: 1rem; }
a { color: var(--accent); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr));
  gap: 1rem; }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
th { text-align: left; padding-right: 2rem; }
"""

SCRIPT = """\
"use strict";
const values = document.getElementById("values");
async function refresh() {
  try {
    const answer = await fetch("/api/json/local/values/smart-meter");
    const shown = (await answer.json())["smart-meter"].values;
    for (const output of values.querySelectorAll("output")) {
      output.textContent = (shown[output.dataset.value] / 1000).toFixed(1);
    }
  } catch (error) {
    console.log("no values", error);
  }
  setTimeout(refresh, 2000);
}
if (values) {
  refresh();
  const clock = document.getElementById("clock");
  new EventSource("/clock").onmessage = (event) => { clock.textContent = event.data; };
}
const send = document.getElementById("send");
if (send) {
  send.addEventListener("click", async () => {
    const file = document.getElementById("file").files[0];
    const uploaded = document.getElementById("uploaded");
    if (!file) { return; }
    uploaded.textContent = "…";
    try {
      const answer = await fetch("/upload", { method: "POST", body: file });
      const got = await answer.json();
      uploaded.textContent = `${got.size} bytes, SHA-256 ${got.sha256}`;
    } catch (error) {
      uploaded.textContent = String(error);
    }
  });
}
"""

_environment = Environment(
    autoescape=True,
    loader=DictLoader({"page": _PAGE, "live": _LIVE, "device": _DEVICE}),
)


def render(template: str, **values: object) -> str:
    """The page ``live`` or ``device``; every value is escaped."""
    return _environment.get_template(template).render(values)
