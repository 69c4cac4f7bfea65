"""
What a hostile device's page tries from its own host, and gets nothing by.

The victim's device is as careless as they come: it lets every other site read its
answers (CORS), so that only the server stands between the two. Its person is logged in
to the hostile system, too, and as the operator: everything in one browser.
"""

from __future__ import annotations

from typing import Any

from tests.browser.hosts import DOMAIN, HostsTestCase
from tests.end_to_end.daemons import OPERATOR_PASSWORD
from tests.end_to_end.target import Request

SECRET = "the victim's own"
ADMIN = "/ui/en/cloud-admin.htm"
KEYS = "/ui/en/cloud-keys.htm"
LOGIN = "/ui/en/cloud-login.htm"

#: Put before each attempt: ``tried(what)`` is what comes of a promise.
TOOLS = """
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const tried = (promise) => Promise.race([
  promise.catch((error) => `no: ${error.name}`), later(4000).then(() => "no: nothing")])
const fetched = (url, init) => tried(
  fetch(url, {credentials: "include", ...init}).then(async (answer) => {
    const text = await answer.text()
    return answer.ok ? `read ${text}` : `no: ${answer.status}`
  }))
const looked = (look) => {
  try {
    return `read ${look()}`
  } catch (error) {
    return `no: ${error.name}`
  }
}
const framed = (url) => tried(new Promise((resolve) => {
  const frame = document.createElement("iframe")
  frame.onload = () => resolve(looked(() => frame.contentDocument.body.innerText))
  frame.src = url
  document.body.append(frame)
}))
const sent = async (url, fields, target = "_blank", method = "post") => {
  const form = document.createElement("form")
  Object.assign(form, {action: url, method, target})
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input")
    Object.assign(input, {name, value, type: "hidden"})
    form.append(input)
  }
  document.body.append(form)
  form.submit()
  await later(1500)
  return "no: sent"
}
"""

#: Each gives a text that begins with "no" unless it has got somewhere.
ATTEMPTS: dict[str, str] = {
    # reading the other device
    "fetch with the cookie": "fetched(`${victim}/secret`)",
    "fetch by POST": "fetched(`${victim}/secret`, {method: 'POST', body: 'limit=0'})",
    "fetch of our state": "fetched(`${victim}/cloud/session`)",
    "fetch of the keys' page": f"fetched(`${{victim}}{KEYS}`)",
    "fetch of the session's page": f"fetched(`${{victim}}{LOGIN}`)",
    "fetch of the keys": "fetched(`${victim}/cloud/api/v1/systems/victim/keys`)",
    "frame": "framed(`${victim}/secret`)",
    "frame of the keys' page": f"framed(`${{victim}}{KEYS}`)",
    "script": """tried(new Promise((resolve, reject) => {
        const script = document.createElement("script")
        script.onload = () => resolve("read script")
        script.onerror = () => reject(new Error())
        script.src = `${victim}/secret?as=script`
        document.head.append(script)}))""",
    "picture": """tried(new Promise((resolve, reject) => {
        const image = new Image()
        image.onload = () => resolve("read picture")
        image.onerror = () => reject(new Error())
        image.src = `${victim}/settings?limit=0`}))""",
    "event stream": """tried(new Promise((resolve, reject) => {
        const source = new EventSource(`${victim}/events`, {withCredentials: true})
        source.onmessage = (event) => resolve(`read ${event.data}`)
        source.onerror = () => { source.close(); reject(new Error()) }}))""",
    "WebSocket": """tried(new Promise((resolve, reject) => {
        const socket = new WebSocket(`${victim.replace("https", "wss")}/websocket`)
        socket.onopen = () => resolve("read socket")
        socket.onerror = () => reject(new Error())}))""",
    # acting there
    "no-cors POST": """fetched(`${victim}/settings`,
        {method: 'POST', mode: 'no-cors', body: 'limit=0'})""",
    "beacon": """(async () => {
        navigator.sendBeacon(`${victim}/settings`, "limit=0")
        await later(500); return "no: sent"})()""",
    "form by POST": "sent(`${victim}/settings`, {limit: 0})",
    "form by GET": "sent(`${victim}/settings`, {limit: 0}, '_blank', 'get')",
    "window": """(async () => {
        const opened = window.open(`${victim}/settings?limit=0`)
        await later(1500)
        return looked(() => opened.document.body.innerText)})()""",
    "window, then another address": """(async () => {
        const opened = window.open(`${victim}/`)
        await later(1500)
        const seen = looked(() => opened.document.body.innerText)
        opened.location = `${victim}/settings?limit=0`
        await later(1500)
        return seen})()""",
    "log-out": f"sent(`${{victim}}{LOGIN.replace('login', 'logout')}`, {{csrf: 'x'}})",
    # the log-in page
    "fetch of the log-in": f"fetched(`${{home}}{LOGIN}`)",
    "frame of the log-in": f"framed(`${{home}}{LOGIN}`)",
    "window of the log-in": f"""(async () => {{
        const opened = window.open(`${{home}}{LOGIN}`)
        await later(1500)
        return opened.closed ? "no: out of reach"
            : looked(() => opened.document.body.innerText)}})()""",
    "log-in as somebody": f"""sent(`${{home}}{LOGIN}?system=victim`,
        {{cloud_id: "Victim", cloud_user_id: "1234567890", csrf: "x"}})""",
    "log-in by a script": f"""fetched(`${{home}}{LOGIN}`, {{method: "POST",
        body: new URLSearchParams({{key: "a.b.c", csrf: "x"}})}})""",
    # the operator
    "fetch of the operator's API": "fetched(`${home}/cloud/api/v1/systems`)",
    "fetch of the operator's page": f"fetched(`${{home}}{ADMIN}`)",
    "frame of the operator's page": f"framed(`${{home}}{ADMIN}`)",
    "window of the operator's page": f"""(async () => {{
        const opened = window.open(`${{home}}{ADMIN}`)
        await later(1500)
        return opened.closed ? "no: out of reach"
            : looked(() => opened.document.body.innerText)}})()""",
    "form of the operator's page": f"""sent(`${{home}}{ADMIN}`,
        {{action: "add", cloud_id: "Mine", csrf: "x"}})""",
    "operator's API by a form": """sent(`${home}/cloud/api/v1/systems`,
        {cloud_id: 'Mine'})""",
    "operator's page on one's own host": f"fetched(`{ADMIN}`)",
    "operator's API on one's own host": "fetched(`/cloud/api/v1/systems`)",
    # what the browser keeps
    "cookie of ours": """looked(
        () => /cfos/.test(document.cookie) ? document.cookie : x)""",
    "cookie for all hosts": f"""(async () => {{
        const names = ["__Host-cfos", "__Host-cfos-admin", "__Secure-cfos", "cfos"]
        for (const name of names)
          document.cookie = `${{name}}=mine; Domain={DOMAIN}; Path=/; Secure`
        await fetch("/toss")
        return "no: tossed"}})()""",
    "storage": """(async () =>
        localStorage.getItem("token") ? "read storage" : "no: empty")()""",
    "storage in a frame": "framed(`${victim}/`)",
    "database": """(async () => (await indexedDB.databases()).length
        ? "read database" : "no: none")()""",
    "channel": """tried(new Promise((resolve) => {
        const channel = new BroadcastChannel("device")
        channel.onmessage = (event) => resolve(`read ${event.data}`)
        channel.postMessage("tell me")}))""",
    "document.domain": f"""(async () => {{
        try {{ document.domain = "{DOMAIN}" }} catch {{ return "no: refused" }}
        return framed(`${{victim}}/`)}})()""",
    "service worker of one's own": """(async () => {
        const worker = await tried(
          navigator.serviceWorker.register("/worker.js").then(() => "registered"))
        if (worker !== "registered") return `read: ${worker}`
        await navigator.serviceWorker.ready
        return fetched(`${victim}/secret`)})()""",
    "service worker of the other": """tried(navigator.serviceWorker
        .register(`${victim}/worker.js`).then(() => "read it"))""",
    "Clear-Site-Data": "fetch('/clear').then(() => 'no: asked')",
}


def careless(body: str, *fields: str) -> Any:
    """A route whose answers every page may read."""

    def route(request: Request) -> None:
        for _ in request.body():
            pass
        origin = request.field("Origin") or "*"
        request.respond(
            "200 OK",
            f"Access-Control-Allow-Origin: {origin}",
            "Access-Control-Allow-Credentials: true",
            *(fields or ("Content-Type: text/html",)),
            body=body.encode(),
        )

    return route


VICTIM_PAGE = f"""<!doctype html><title>Victim</title><p>{SECRET}</p><script>
localStorage.setItem("token", "{SECRET}")
indexedDB.open("{SECRET}")
const channel = new BroadcastChannel("device")
channel.onmessage = () => channel.postMessage("{SECRET}")
</script>"""
SCRIPT = "Content-Type: text/javascript"


class HostileTests(HostsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.victim = self.make_furnished("Victim")
        self.evil = self.make_furnished("Evil")
        self.victim.target.routes.update(
            {
                "/": careless(VICTIM_PAGE),
                "/secret": careless(f'"{SECRET}"', SCRIPT),
                "/settings": careless("changed"),
                "/worker.js": careless("//", SCRIPT),
            }
        )
        worker = "onfetch = (event) => event.respondWith(fetch(event.request))"
        tossed = [
            f"Set-Cookie: {name}=mine; Domain={DOMAIN}; Path=/; Secure"
            for name in ("__Host-cfos", "__host-cfos", "cfos", "__Host-cfos-admin")
        ]
        self.evil.target.routes.update(
            {
                "/": careless("<!doctype html><title>Evil</title><p>hello</p>"),
                "/worker.js": careless(worker, SCRIPT),
                "/toss": careless("", *tossed),
                "/clear": careless(
                    "", 'Clear-Site-Data: "*", "cookies", "storage", "cache"'
                ),
            }
        )

    def run_from(self, page: Any, attempt: str) -> str:
        arguments = {"victim": self.url(self.victim), "home": self.home}
        script = f"async ({{victim, home}}) => {{ {TOOLS} return await {attempt} }}"
        return str(page.evaluate(script, arguments))

    def log_in_as_operator(self, page: Any) -> None:
        page.goto(f"{self.home}{ADMIN}")
        page.locator("input[type=password]").fill(OPERATOR_PASSWORD)
        page.locator("main form button[type=submit]").first.click()
        page.get_by_text("Victim").first.wait_for()

    def test_nothing_that_it_tries_gets_anywhere(self) -> None:
        operator = self.open_page()
        self.log_in_as_operator(operator)
        mine = operator.context.new_page()
        self.log_in(mine, self.victim)
        page = operator.context.new_page()
        self.log_in(page, self.evil)
        systems = self.own.ask("GET", "/systems")["items"]
        before = len(self.victim.target.requests)

        for name, attempt in ATTEMPTS.items():
            with self.subTest(name):
                page.goto(f"{self.url(self.evil)}/")
                outcome = self.run_from(page, attempt)
                self.assertEqual(outcome[:2], "no", f"{name}: {outcome}")
                self.assertNotIn(SECRET, outcome)
            for other in page.context.pages:
                if other not in (operator, mine, page):
                    other.close()

        # A plain link may open the device; that is all that came there.
        came = self.victim.target.requests[before:]
        targets = {(each.method, each.target) for each in came}
        self.assertEqual(targets - {("GET", "/favicon.ico")}, {("GET", "/")})
        self.assertTrue(
            all("mine" not in (each.field("Cookie") or "") for each in came)
        )
        after = self.own.ask("GET", "/systems")["items"]
        self.assertEqual(
            [each["cloud_id"] for each in after], [each["cloud_id"] for each in systems]
        )
        # The person has lost nothing: all three sessions are what they were.
        mine.goto(f"{self.url(self.victim)}/")
        self.expect(mine, "p", SECRET)
        self.assertEqual(mine.evaluate("localStorage.getItem('token')"), SECRET)
        operator.goto(f"{self.home}{ADMIN}")
        operator.get_by_text("Victim").first.wait_for()
        page.goto(f"{self.url(self.evil)}/")
        self.expect(page, "p", "hello")

    def test_the_device_s_own_page_gets_all_of_it_by_the_same_means(self) -> None:
        """So what fails above fails for the reason that it should."""
        page = self.open_page()
        self.log_in(page, self.victim)
        for name in (
            "fetch with the cookie",
            "fetch by POST",
            "fetch of our state",
            "frame",
            "script",
            "event stream",
            "WebSocket",
            "window",
            "storage",
            "database",
            "storage in a frame",
        ):
            outcome = self.run_from(page, ATTEMPTS[name])
            self.assertEqual(outcome[:4], "read", f"{name}: {outcome}")
        outcome = self.run_from(page, ATTEMPTS["service worker of the other"])
        self.assertEqual(outcome, "read it")
