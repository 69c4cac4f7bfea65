"""The site's pages as they are served, with their values in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from cfos_cloud.languages import SUPPORTED
from tests.demo.site.support import (
    ADMIN,
    GUEST,
    LOG_IN,
    Fields,
    SiteTestCase,
    basic,
    cloud,
    the_pages,
)

PAGES = ("index", "sessions", "users", "settings", "firmware")
FOR_USERS = ("index", "sessions")


class Checker(HTMLParser):
    """Finds what the policy forbids, and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if "style" in values or any(name.startswith("on") for name in values):
            self.problems.append(f"{tag} {values}")
        if tag in ("script", "style") and "src" not in values:
            self.problems.append(f"{tag} in the page")
        for name in ("src", "href", "action"):
            if values.get(name):
                self.links.append(values[name] or "")


class PageTests(SiteTestCase):
    def test_every_page_is_there_in_every_language_for_who_may_see_it(self) -> None:
        for language in SUPPORTED:
            for page in PAGES:
                answer = self.get(f"/ui/{language}/{page}.htm")
                self.assertEqual(answer.status, 200, (language, page))
                self.assertIn(f'lang="{language}"', answer.body.decode())
                status = 200 if page in FOR_USERS else 403
                answer = self.get(f"/ui/{language}/{page}.htm", GUEST)
                self.assertEqual(answer.status, status, page)

    def test_pages_keep_their_own_policy_and_link_to_no_host(self) -> None:
        for page in PAGES:
            answer = self.get(f"/ui/en/{page}.htm")
            policy = answer.get(b"content-security-policy") or b""
            self.assertIn(b"default-src 'self'", policy)
            self.assertNotIn(b"unsafe", policy)
            checker = Checker()
            checker.feed(answer.body.decode())
            self.assertEqual(checker.problems, [], page)
            for link in checker.links:
                self.assertRegex(link, r"\A[/#]", (page, link))
                self.assertFalse(link.startswith("//"), (page, link))

    def test_what_a_page_needs_is_there_without_a_password(self) -> None:
        needed = set()
        for page in PAGES:
            body = self.get(f"/ui/en/{page}.htm").body.decode()
            needed |= set(re.findall(r'"(/ui/assets/[^"#]+)', body))
        self.assertTrue(needed)
        for path in needed:
            answer = self.get(path, ())
            self.assertEqual(answer.status, 200, path)
            self.assertIn(b"immutable", answer.get(b"cache-control") or b"")

    def test_a_script_finds_its_modules_by_their_plain_names(self) -> None:
        answer = self.get("/ui/assets/base.js", ())
        self.assertEqual(answer.get(b"cache-control"), b"no-cache")
        etag = (answer.get(b"etag") or b"").decode()
        again = self.get("/ui/assets/base.js", (("If-None-Match", etag),))
        self.assertEqual((again.status, again.body), (304, b""))
        for name in ("nothing.js", "..%2ftemplates%2fbase.html"):
            self.assertEqual(self.get(f"/ui/assets/{name}", ()).status, 404)

    def test_values_are_in_the_page_for_browsers_without_scripts(self) -> None:
        body = self.get("/ui/de/index.htm").body.decode()
        self.assertIn("Family estate", body)
        self.assertIn("Garage", body)
        body = self.get("/ui/de/index.htm", GUEST).body.decode()
        self.assertIn('data-wallbox="E1"', body)
        self.assertNotIn('data-wallbox="E2"', body)

    def test_through_the_cloud_its_menu_has_a_cloud_login(self) -> None:
        for page in PAGES:
            body = self.get(f"/ui/en/{page}.htm", cloud("admin", "admin")).body.decode()
            self.assertIn(f'href="{LOG_IN}"', body)
            self.assertNotIn(
                "Cloud Login", self.get(f"/ui/en/{page}.htm").body.decode()
            )

    def test_through_the_cloud_its_admins_menu_has_the_access_keys(self) -> None:
        for language in ("en", "de", "pt"):
            login = LOG_IN.replace("/en/", f"/{language}/")
            link = f'href="/ui/{language}/cloud-keys.htm"'
            for page in PAGES:
                admin = cloud("admin", "admin", login)
                body = self.get(f"/ui/de/{page}.htm", admin).body.decode()
                self.assertEqual(body.count(link), 1, page)
                self.assertLess(body.index(link), body.index("cloud-login.htm"))
        for who in (ADMIN, cloud("user", "guest")):
            self.assertNotIn(
                "cloud-keys", self.get("/ui/en/index.htm", who).body.decode()
            )

    def test_a_link_that_is_none_is_not_shown(self) -> None:
        for link in ("javascript:alert(1)", 'https://x/"><script>', "//x", "ftp://x/"):
            who: Fields = cloud("admin", "admin", link)
            body = self.get("/ui/en/index.htm", who).body.decode()
            self.assertNotIn("Cloud Login", body)
            self.assertNotIn("<script>", body)

    def test_names_are_escaped(self) -> None:
        self.send_json("/api/site/settings", {"name": "<script>x</script>"})
        body = self.get("/ui/en/index.htm", cloud("user", "%3Cb%3Eguest")).body.decode()
        self.assertNotIn("<script>x", body)
        self.assertIn("&lt;b&gt;guest", body)

    def test_the_first_address_leads_to_the_page_of_the_browsers_language(self) -> None:
        for wanted, language in (
            ("de-AT,en;q=0.8", "de"),
            ("pt", "pt"),
            ("fr", "en"),
            ("", "en"),
        ):
            answer = self.get("/", (("Accept-Language", wanted),))
            self.assertEqual(answer.status, 303)
            self.assertEqual(
                answer.get(b"location"), f"/ui/{language}/index.htm".encode()
            )

    def test_what_is_no_page_is_told_in_the_pages_own_way(self) -> None:
        for path, status in (
            ("/ui/de/nothing.htm", 404),
            ("/ui/xx/index.htm", 404),
            ("/ui/de/index.html", 404),
            ("/ui/de/error.htm", 404),
        ):
            answer = self.get(path)
            self.assertEqual(answer.status, status, path)
            self.assertEqual(answer.get(b"content-type"), b"text/html; charset=utf-8")
        self.assertIn(b'lang="de"', self.get("/ui/de/nothing.htm").body)

    def test_the_vendors_page_checks_the_password(self) -> None:
        for who, status in (
            (ADMIN, 200),
            (basic("admin", "wrong"), 401),
            ((), 401),
            (GUEST, 403),
        ):
            self.assertEqual(self.get("/ui/en/sim.htm", who).status, status)

    def test_the_page_of_settings_says_that_without_a_password_nobody_gets_in(
        self,
    ) -> None:
        before = self.get("/ui/en/settings.htm").body
        self.send_json("/api/site/admin-password", {"old": "adminsecret", "new": ""})
        self.assertNotEqual(self.get("/ui/en/settings.htm", ()).body, before)


class FilterTests(SiteTestCase):
    def render(self, language: str, expression: str, **values: object) -> str:
        environment = the_pages()._environments[language]
        return environment.from_string("{{ " + expression + " }}").render(values)

    def test_numbers_are_written_as_the_language_does(self) -> None:
        for language, expected in (("en", "11,040.5"), ("de", "11.040,5")):
            self.assertEqual(
                self.render(language, "x|decimal(1)", x=11040.46), expected
            )
        self.assertEqual(self.render("de", "x|decimal", x=1), "1")
        self.assertEqual(self.render("de", "x|decimal(2)", x=None), "–")
        self.assertEqual(self.render("en", "x|decimal(2)", x=-0.004), "0.00")
        self.assertEqual(self.render("en", "x|decimal(2)", x=-2.581), "-2.58")

    def test_so_are_moments(self) -> None:
        iso = "2026-11-22T06:25:08Z"
        self.assertEqual(self.render("de", "x|moment", x=iso), "22.11.2026, 06:25 UTC")
        self.assertEqual(self.render("en", "x|clock", x=iso), "06:25")
        self.assertEqual(self.render("pt", "x|clock", x=None), "–")
        self.assertEqual(
            self.render("en", "x|later(60)", x=iso), "2026-11-22T06:26:08Z"
        )
