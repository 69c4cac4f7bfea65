"""
Without ``--domain`` all devices share an origin: what a hostile one's page gets from
there, and what not. The documents say so to operators, sentence by sentence; where a
browser changes, or we do, one of these tests fails and the sentence has to follow.
"""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any

from tests.browser.people import PeopleTestCase
from tests.browser.test_hostile_device import ADMIN, KEYS, LOGIN, TOOLS
from tests.end_to_end.case import Site
from tests.end_to_end.daemons import (
    ADMIN_SECRET,
    OPERATOR_PASSWORD,
    DeviceEnd,
    Server,
)
from tests.end_to_end.target import Request, Target

SECRET = "the victim's own"

#: Each gives a text that begins with "no" unless it has got somewhere.
IN_VAIN: dict[str, str] = {
    "cookie of ours": """(async () =>
        /cfos/.test(document.cookie) ? `read ${document.cookie}` : "no: hidden")()""",
    "cookie of ours by a script": """(async () => {
        for (const name of ["__Host-cfos", "__Host-cfos-admin"])
          document.cookie = `${name}=mine; Path=/; Secure`
        return /cfos/.test(document.cookie) ? "read: it is set" : "no: refused"})()""",
    "cookie of ours by an answer": """(async () => {
        await fetch("/toss")
        return /cfos/.test(document.cookie) ? "read: it is set" : "no: refused"})()""",
    "service worker": """tried(navigator.serviceWorker.register("/worker.js")
        .then(() => "registered"))""",
    "operator's page": f"fetched(`{ADMIN}`)",
    "operator's page in a frame": f"framed(`{ADMIN}`)",
    "operator's page in a window": f"""(async () => {{
        const opened = window.open(`{ADMIN}`)
        await later(1500)
        return opened.closed ? "no: out of reach"
            : looked(() => opened.document.body.innerText)}})()""",
    "operator's API, a change": """fetched("/cloud/api/v1/systems", {method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify({cloud_id: "Mine"})})""",
    "operator's API, a backup": """fetched("/cloud/api/v1/backup", {method: "POST"})""",
    "log-in page in a frame": f"framed(`{LOGIN}`)",
    "log-in page in a window": f"""(async () => {{
        const opened = window.open(`{LOGIN}`)
        await later(1500)
        return opened.closed ? "no: out of reach"
            : looked(() => opened.document.body.innerText)}})()""",
    "page of access keys": f"fetched(`{KEYS}`)",
    "page of access keys in a frame": f"framed(`{KEYS}`)",
}

EVIL_PAGE = """<!doctype html><title>Evil</title><p>hello</p><script>
localStorage.setItem("left", "behind")
indexedDB.open("left")
document.cookie = "left=behind; Path=/"
</script>"""
#: What a page finds of it.
FOUND = """(async () => [localStorage.getItem("left"),
    ...(await indexedDB.databases()).map((each) => each.name),
    ...document.cookie.split("; ").filter((each) => each.startsWith("left"))])()"""


def page(text: str, *fields: str) -> Any:
    def route(request: Request) -> None:
        request.respond(
            "200 OK", *(fields or ("Content-Type: text/html",)), body=text.encode()
        )

    return route


@cache
def the_sites(server: Server) -> tuple[Site, Site]:
    """One hostile, one not, for all tests here; they end with this process."""
    sites = []
    for cloud_id in ("One-Evil", "One-Victim"):
        target = Target()
        password = server.add_system(cloud_id)
        device = DeviceEnd(server, cloud_id, password, target.url, server.directory)
        atexit.register(device.close)
        sites.append(Site(device, target))
    return sites[0], sites[1]


class HostileCase(PeopleTestCase):
    # Of an answer that came over a doubtful connection the browser clears nothing.
    flags = (*PeopleTestCase.flags, "--ignore-certificate-errors")

    def setUp(self) -> None:
        super().setUp()
        self.evil, self.victim = the_sites(self.server)
        for site in (self.evil, self.victim):
            site.target.routes.clear()
        tossed = [
            f"Set-Cookie: {name}=mine; Path=/; Secure"
            for name in ("__Host-cfos", "__host-cfos", "cfos", "__Host-cfos-admin")
        ]
        self.evil.target.routes.update(
            {
                "/": page(EVIL_PAGE),
                "/worker.js": page("//", "Content-Type: text/javascript"),
                "/toss": page("", *tossed),
            }
        )
        self.victim.target.routes.update(
            {"/": page(f"<p>{SECRET}</p>"), "/secret": page(SECRET)}
        )

    def enter(self, page: Any, site: Site) -> None:
        page.goto(f"{self.origin}{LOGIN}")
        page.locator("#cloud_id").fill(site.device.cloud_id)
        page.locator("#admin").set_checked(True)
        page.locator("#cloud_user_id").fill(ADMIN_SECRET)
        page.locator(".login-form button[type=submit]").click()
        self.expect_path(page, "/")

    def enter_as_operator(self, page: Any) -> None:
        page.goto(f"{self.origin}{ADMIN}")
        page.locator("input[type=password]").fill(OPERATOR_PASSWORD)
        page.locator("main form button[type=submit]").first.click()
        page.get_by_text(self.victim.device.cloud_id).first.wait_for()

    def run_from(self, page: Any, attempt: str) -> Any:
        return page.evaluate(f"async () => {{ {TOOLS} return await {attempt} }}")


class HostileTests(HostileCase):
    def test_what_it_tries_in_vain(self) -> None:
        operator = self.open_page()
        self.enter_as_operator(operator)
        evil = operator.context.new_page()
        self.enter(evil, self.evil)
        systems = self.server.ask("GET", "/systems?limit=100")["items"]
        for name, attempt in IN_VAIN.items():
            with self.subTest(name):
                evil.goto(f"{self.origin}/")
                outcome = self.run_from(evil, attempt)
                self.assertEqual(outcome[:2], "no", f"{name}: {outcome}")
            for other in evil.context.pages:
                if other not in (operator, evil):
                    other.close()
        self.assertNotIn("/worker.js", self.evil.target.paths())
        after = self.server.ask("GET", "/systems?limit=100")["items"]
        self.assertEqual(
            [each["cloud_id"] for each in after], [each["cloud_id"] for each in systems]
        )
        # Both sessions are what they were.
        evil.goto(f"{self.origin}/")
        self.expect(evil, "p", "hello")
        operator.goto(f"{self.origin}{ADMIN}")
        operator.get_by_text(self.victim.device.cloud_id).first.wait_for()

    def test_it_can_ask_the_operator_s_api_what_the_operator_could(self) -> None:
        operator = self.open_page()
        self.enter_as_operator(operator)
        evil = operator.context.new_page()
        self.enter(evil, self.evil)
        outcome = self.run_from(evil, 'fetched("/cloud/api/v1/systems?limit=100")')
        self.assertEqual(outcome[:4], "read")
        self.assertIn(self.victim.device.cloud_id, outcome)

    def test_it_can_show_a_page_of_its_own_at_the_log_in_s_address(self) -> None:
        evil = self.open_page()
        self.enter(evil, self.evil)
        evil.evaluate(
            f"""() => {{
            history.pushState(null, "", "{LOGIN}")
            document.body.innerHTML = "<form><input id=mine type=password></form>"}}"""
        )
        self.assertEqual(evil.url, f"{self.origin}{LOGIN}")
        self.assertEqual(evil.locator("#mine").count(), 1)

    def test_it_can_read_an_access_key_that_the_browser_keeps(self) -> None:
        evil = self.open_page()
        self.enter(evil, self.evil)
        evil.goto(f"{self.origin}{LOGIN}")
        evil.evaluate(
            'import("/cloud/assets/access_key.js").then((ours) => ours.keep("a.b.c"))'
        )
        evil.goto(f"{self.origin}/")
        self.assertIn("a.b.c", evil.evaluate("Object.values(localStorage)"))

    def test_a_tab_kept_open_can_do_what_the_next_system_s_person_can(self) -> None:
        evil = self.open_page()
        self.enter(evil, self.evil)
        victim = evil.context.new_page()
        self.enter(victim, self.victim)
        self.expect(victim, "p", SECRET)
        outcome = self.run_from(evil, 'fetched("/secret")')
        self.assertEqual(outcome, f"read {SECRET}")

    def test_what_it_has_left_is_gone_for_the_next_system_and_after_log_out(
        self,
    ) -> None:
        for leave in ("another system", "log-out"):
            evil = self.open_page()
            self.enter(evil, self.evil)
            self.assertEqual(
                evil.evaluate(FOUND), ["behind", "left", "left=behind"], leave
            )
            if leave == "another system":
                self.enter(evil, self.victim)
                self.expect(evil, "p", SECRET)
            else:
                evil.goto(f"{self.origin}{LOGIN}")
                evil.locator("form[action*=logout] button").click()
                evil.wait_for_url(lambda url: "cloud-login" in url)
                evil.locator("#cloud_id").wait_for()
            self.assertEqual(evil.evaluate(FOUND), [None], leave)


class PlainTests(HostileCase):
    """Without TLS, from a machine that the browser does not take for itself."""

    host = "cloud.test"
    flags = (
        *(
            flag
            for flag in PeopleTestCase.flags
            if not flag.startswith("--host-resolver-rules")
        ),
        f"--host-resolver-rules=MAP {host} 127.0.0.1, MAP * ~NOTFOUND",
    )

    def setUp(self) -> None:
        super().setUp()
        self.origin = f"http://{self.host}:{self.server.port}"

    def test_what_it_leaves_stays_there(self) -> None:
        evil = self.open_page()
        self.enter(evil, self.evil)
        self.enter(evil, self.victim)
        self.expect(evil, "p", SECRET)
        found = evil.evaluate(FOUND)
        self.assertIn("behind", found)
        # Cookies are taken away by name all the same.
        self.assertNotIn("left=behind", found)


class BasicTests(HostileCase):
    def test_a_password_that_one_device_asked_for_is_sent_to_the_next(self) -> None:
        def ask(request: Request) -> None:
            if request.field("Authorization") is None:
                request.respond("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"')
            else:
                request.respond("200 OK", body=b"thanks")

        self.evil.target.routes["/"] = page("<p>hello</p>")
        self.evil.target.routes["/ask"] = ask
        before = len(self.victim.target.requests)
        credentials = {"username": "somebody", "password": "their own"}
        one = self.open_page(http_credentials=credentials)
        self.enter(one, self.evil)
        one.goto(f"{self.origin}/ask")
        self.enter(one, self.victim)
        one.goto(f"{self.origin}/secret")
        seen = [
            each.field("Authorization")
            for each in self.victim.target.requests[before:]
            if each.target == "/secret"
        ]
        self.assertEqual(seen, ["Basic c29tZWJvZHk6dGhlaXIgb3du"])
