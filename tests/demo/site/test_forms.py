"""Pages without a script: forms, and where they lead."""

from __future__ import annotations

from tests.demo.site.support import (
    ADMIN,
    GUEST,
    NOW,
    Fields,
    SiteTestCase,
    cloud,
)
from tests.memory import Message

OWN: Fields = (("Origin", "http://site"), ("Sec-Fetch-Site", "same-origin"))


class FormTests(SiteTestCase):
    def location(self, answer: Message) -> str:
        self.assertEqual(answer.status, 303, answer)
        return (answer.get(b"location") or b"").decode()

    def test_a_form_leads_back_to_its_page_with_what_happened(self) -> None:
        for path, fields, done in (
            ("wallboxes/E1", "enabled=0", "wallbox-saved"),
            ("settings", "name=Depot&limit_w=11000", "saved"),
            ("users", "change=guest&wallbox=E2", "saved"),
            ("users", "remove=bert", "removed"),
            ("cloud", "server=&cloud_id=&password=", "cloud-saved"),
            ("admin-password", "old=adminsecret&new=", "password-removed"),
            ("admin-password", "old=&new=longenough", "password-saved"),
        ):
            who: Fields = cloud("admin", "admin")
            answer = self.send_form(
                f"/api/site/{path}", f"{fields}&back=/ui/de/index.htm", who
            )
            self.assertEqual(self.location(answer), f"/ui/de/index.htm?done={done}")
        self.assertFalse(self.site.settings.wallboxes["E1"].enabled)
        self.assertEqual(self.site.settings.limit_w, 11_000)
        self.assertEqual(self.site.settings.users, {"guest": "E2"})

    def test_a_form_that_is_wrong_leads_back_with_the_problem(self) -> None:
        for path, fields, problem in (
            ("wallboxes/E1", "current_limit_a=99", "current-limit-a-out-of-range"),
            ("settings", "limit_w=x", "limit-w-invalid"),
            ("users", "name=guest", "name-taken"),
            ("admin-password", "old=wrong&new=longenough", "old-wrong"),
            ("cloud", "enabled=1&server=", "server-vendor-cloud"),
            ("cloud", "cloud_id=-x", "cloud-id-invalid"),
        ):
            answer = self.send_form(
                f"/api/site/{path}", f"{fields}&back=/ui/pt/settings.htm"
            )
            self.assertEqual(
                self.location(answer), f"/ui/pt/settings.htm?problem={problem}"
            )

    def test_a_way_back_that_is_no_page_of_ours_leads_home(self) -> None:
        for back in (
            "https://evil.example/",
            "//evil.example/",
            "/ui/xx/index.htm",
            "/ui/en/index.htm%0d%0aX: y",
            "/ui/en/index.htm%3fx",
            "",
        ):
            answer = self.send_form("/api/site/settings", f"name=A&back={back}")
            self.assertEqual(self.location(answer), "/?done=saved", back)

    def test_other_sites_forms_change_nothing(self) -> None:
        for more in (
            (("Origin", "https://evil.example"),),
            (("Origin", "null"),),
            (("Sec-Fetch-Site", "cross-site"),),
            (("Sec-Fetch-Site", "same-site"),),
        ):
            answer = self.send_form("/api/site/settings", "name=Evil", ADMIN, more)
            self.assertEqual(answer.status, 403, more)
        self.assertEqual(self.site.settings.name, "Charging site")
        answer = self.send_form("/api/site/settings", "name=Own", ADMIN, OWN)
        self.assertEqual(answer.status, 303)

    def test_a_new_user_of_a_form_is_shown_on_the_page_of_users(self) -> None:
        answer = self.send_form(
            "/api/site/users", "name=carla&wallbox=E2&back=/ui/de/users.htm"
        )
        self.assertEqual(answer.status, 201)
        self.assertRegex(answer.body.decode(), r'id="created-id">[0-9]{12}<')
        self.assertIn('lang="de"', answer.body.decode())
        again = self.get("/ui/de/users.htm").body.decode()
        self.assertIn('id="created-id"></code>', again)

    def test_a_user_may_not_what_the_admin_may(self) -> None:
        answer = self.send_form("/api/site/settings", "name=Mine", GUEST)
        self.assertEqual(answer.status, 403)
        answer = self.send_form("/api/site/wallboxes/E2", "enabled=0", GUEST)
        self.assertEqual(answer.status, 404)

    def test_the_page_says_what_happened_if_that_is_a_code(self) -> None:
        page = self.get("/ui/en/settings.htm").body
        for query in ("?done=saved", "?problem=old-wrong", "?problem=what-ever"):
            shown = self.get(f"/ui/en/settings.htm{query}").body
            self.assertGreater(len(shown), len(page), query)
        for query in ("?done=<b>", "?problem=A", "?done=" + "a" * 41):
            self.clock.advance(0)
            shown = self.get(f"/ui/en/settings.htm{query}").body
            self.assertEqual(len(shown), len(page), query)
        self.assertEqual(self.clock.seconds(), NOW)
