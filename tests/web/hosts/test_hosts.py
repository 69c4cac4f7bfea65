"""Log-in on the cloud's own host, and what becomes of it on the hosts of devices."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from twisted.logger import capturedLogs, formatEvent

from cfos_cloud.gateway.bookmarks import mark_of
from cfos_cloud.gateway.handover import CODE_SECONDS
from tests.test_pages import check
from tests.web.hosts.case import DOMAIN, METER, OTHER, SESSION, A, HostsCase
from tests.web.support import LOGIN, LOGOUT

QUERY = "?system=w00-008j&back=/a/b"


class LogInTests(HostsCase):
    def test_it_leads_to_the_host_of_the_device(self) -> None:
        reply = self.log_in()
        self.assertEqual(reply.status, 303)
        self.assertRegex(
            reply.header("location") or "",
            rf"\Ahttps://{re.escape(A)}/cloud/enter/[A-Za-z0-9_-]{{43}}\Z",
        )

    def test_the_own_host_gets_no_session_and_remembers_the_browser(self) -> None:
        reply = self.log_in()
        self.assertEqual(
            {line.partition("=")[0] for line in reply.all("set-cookie")},
            {"__Host-cfos-known", "__Host-cfos-last"},
        )
        self.assertIsNone(reply.header("clear-site-data"))
        page = self.browser.get().body.decode()
        self.assertIn('value="W00-008J"', page)
        self.assertNotIn("You are logged in", page)

    def test_the_device_s_host_gets_it_and_the_page_leads_on(self) -> None:
        browser, reply = self.enter()
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.goes_on_to(reply), "/")
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(reply.all("referrer-policy"), ["no-referrer"])
        [cookie] = [
            line for line in reply.all("set-cookie") if line.startswith(f"{SESSION}=")
        ]
        self.assertEqual(
            cookie.split("; ")[1:], ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]
        )
        session = browser.session()
        assert session is not None
        self.assertEqual((session.cloud_id, session.role), ("W00-008J", "admin"))
        check(self, reply.body.decode())
        self.assertNotIn(b"<script", reply.body)

    def test_only_pages_of_devices_may_follow_the_form(self) -> None:
        policy = self.browser.get(host=f"{DOMAIN}:4443").header(
            "content-security-policy"
        )
        self.assertIn(f"form-action 'self' https://*.{DOMAIN}:4443;", policy or "")
        self.assertIn("frame-ancestors 'none'", policy or "")

    def test_the_page_says_nothing_of_a_kept_key_that_others_read(self) -> None:
        self.assertNotIn(b"can read it there", self.browser.get().body)

    def test_two_systems_are_logged_in_to_side_by_side(self) -> None:
        first, _ = self.enter()
        second, _ = self.enter("other")
        self.assertEqual((first.host, second.host), (A, OTHER))
        for browser, cloud_id in ((first, "W00-008J"), (second, "other")):
            session = browser.session()
            assert session is not None
            self.assertEqual(session.cloud_id, cloud_id)

    def test_a_failure_leads_nowhere_and_keeps_what_was_wanted(self) -> None:
        reply = self.failure(self.log_in(query=QUERY, secret="wrong"))
        self.assertEqual(reply.status, 401)
        self.assertIn(
            b'action="/ui/en/cloud-login.htm?system=w00-008j&amp;back=/a/b"', reply.body
        )


class CodeTests(HostsCase):
    def expired(self, url: str) -> None:
        reply = self.browser.follow(url)
        self.assertEqual(reply.status, 410)
        self.assertIn(b"Please log in once more", reply.body)
        label = urlsplit(url).netloc.partition(".")[0]
        link = f'href="https://{DOMAIN}/ui/en/cloud-login.htm?system={label}"'
        self.assertIn(link, reply.body.decode())
        self.assertEqual(reply.all("set-cookie"), [])
        check(self, reply.body.decode())

    def url(self) -> str:
        return self.log_in().header("location") or ""

    def test_it_works_once(self) -> None:
        url = self.url()
        self.assertEqual(self.browser.follow(url).status, 200)
        self.browser.jars[A].clear()
        self.expired(url)

    def test_no_log_has_it(self) -> None:
        url = self.url()
        code = url.rpartition("/")[2]
        browser = self.browser.at(A)
        with capturedLogs() as events:
            for method, path in (
                ("POST", f"/cloud/enter/{code}"),
                ("GET", f"/cloud/enter/{code}/"),
                ("GET", f"/cloud/enter//{code}"),
            ):
                self.assertGreaterEqual(browser.request(method, path).status, 400)
            self.browser.follow(url, **{"sec-fetch-dest": "image"})
            self.assertEqual(self.browser.follow(url).status, 200)
        lines = [formatEvent(event) for event in events]
        self.assertTrue(lines)
        self.assertNotIn(code, "\n".join(lines))

    def test_it_is_for_a_window_alone(self) -> None:
        # Another device's page could have it loaded by the way, as an image say, and
        # so change who somebody is without a window that shows it.
        url = self.url()
        for part in ("image", "empty", "iframe", "script"):
            reply = self.browser.follow(url, **{"sec-fetch-dest": part})
            self.assertEqual((reply.status, reply.all("set-cookie")), (403, []))
        reply = self.browser.follow(url, **{"sec-fetch-dest": "document"})
        self.assertEqual(reply.status, 200)

    def test_who_comes_back_to_it_is_where_they_were(self) -> None:
        url = self.url()
        self.browser.follow(url)
        again = self.browser.follow(url)
        self.assertEqual((again.status, again.header("location")), (303, "/"))

    def test_it_works_for_a_short_time(self) -> None:
        url = self.url()
        self.clock.advance(CODE_SECONDS)
        self.expired(url)
        self.assertEqual(len(self.sessions), 0)
        self.assertEqual(self.tunnel.logged_out, ["grant-1"])

    def test_it_works_at_its_host_alone(self) -> None:
        for host in (OTHER, METER, f"nobody.{DOMAIN}"):
            url = self.url()
            self.expired(url.replace(A, host))
            self.expired(url)

    def test_nobody_s_is_none(self) -> None:
        self.expired(f"https://{A}/cloud/enter/none")

    def test_who_only_looks_ahead_does_not_use_it_up(self) -> None:
        url = self.url()
        path = urlsplit(url).path
        browser = self.browser.at(A)
        self.assertEqual(browser.request("HEAD", path).status, 503)
        self.assertEqual(browser.get(path, sec_purpose="prefetch").status, 503)
        self.assertEqual(browser.get(path).status, 200)

    def test_on_the_own_host_there_is_no_such_page(self) -> None:
        self.assertEqual(self.browser.get("/cloud/enter/x").status, 404)


class WayBackTests(HostsCase):
    def test_the_form_is_filled_in_and_keeps_the_page(self) -> None:
        page = self.browser.get(f"{LOGIN}{QUERY}").body.decode()
        self.assertRegex(page, r'name="cloud_id"[^>]* value="w00-008j"')
        self.assertIn(
            'href="/ui/de/cloud-login.htm?system=w00-008j&amp;back=/a/b"', page
        )

    def test_the_last_log_in_to_that_system_is_filled_in_as_it_was(self) -> None:
        self.enter()
        page = self.browser.get(f"{LOGIN}{QUERY}").body.decode()
        self.assertRegex(page, r'name="cloud_id"[^>]* value="W00-008J"')
        self.assertRegex(page, r'name="admin"[^>]* checked')
        page = self.browser.get(f"{LOGIN}?system=other").body.decode()
        self.assertRegex(page, r'name="cloud_id"[^>]* value="other"')
        self.assertNotRegex(page, r'name="admin"[^>]* checked')

    def test_it_leads_to_that_very_page(self) -> None:
        _, reply = self.enter(query=QUERY)
        self.assertEqual(self.goes_on_to(reply), "/a/b")

    def test_and_with_its_query_where_this_browser_has_asked_for_it(self) -> None:
        query = "?system=w00-008j&back=/a%3Fb%3Dc%26d%3D%27"
        path = "/a?b=c&d='"
        jar = self.browser.jars.setdefault(A, {})
        jar["__Host-cfos-back"] = mark_of(path.encode()).decode()
        _, reply = self.enter(query=query)
        self.assertEqual(self.goes_on_to(reply), path)
        self.assertNotIn("__Host-cfos-back", jar)

    def test_a_query_from_anybody_s_link_is_left_out(self) -> None:
        _, reply = self.enter(query="?system=w00-008j&back=/a%3Freboot%3D1")
        self.assertEqual(self.goes_on_to(reply), "/a")

    def test_who_logs_in_elsewhere_does_not_get_there(self) -> None:
        browser, reply = self.enter("other", QUERY)
        self.assertEqual(browser.host, OTHER)
        self.assertEqual(self.goes_on_to(reply), "/")

    def test_what_is_no_way_back_is_none(self) -> None:
        for query in (
            "?system=w00-008j&back=//evil.example",
            "?system=w00-008j&back=/%5Cevil.example",
            "?system=w00-008j&back=https://evil.example/",
            "?system=w00-008j&back=/cloud/enter/x",
            "?system=w00-008j&back=/a%0d%0aSet-Cookie:%20a",
            "?system=w00-008j&back=/a&back=/b",
            "?system=w00-008j&back=/%C3%A4",
            "?system=w00-008j&back=/%FF",
            "?system=..&back=/a",
            "?system=evil.example/&back=/a",
            "?back=/a",
        ):
            self.assertNotIn(b"evil", self.browser.get(f"{LOGIN}{query}").body)
            browser, reply = self.enter(query=query)
            self.assertEqual(browser.host, A)
            self.assertEqual(self.goes_on_to(reply), "/", query)

    def test_a_further_device_of_the_system_is_one_too(self) -> None:
        browser, _ = self.enter(query="?system=meter--w00-008j")
        self.assertEqual(browser.host, METER)
        session = browser.session()
        assert session is not None
        self.assertEqual(session.device, "meter")


class AgainTests(HostsCase):
    """A second log-in on the same host."""

    def test_the_session_before_it_ends(self) -> None:
        browser, _ = self.enter()
        first = browser.session()
        _, reply = self.enter()
        assert first is not None
        self.assertTrue(first.ended)
        self.assertEqual(self.tunnel.logged_out, ["grant-1"])
        self.assertIsNone(reply.header("clear-site-data"))

    def test_somebody_else_finds_nothing_of_the_one_before(self) -> None:
        self.enter()
        _, reply = self.enter(secret="0123456789", as_admin=False)
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')

    def test_nor_after_that_session_has_expired(self) -> None:
        self.enter()
        self.clock.advance(31 * 24 * 3600)
        _, reply = self.enter(secret="0123456789", as_admin=False)
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')

    def test_whoever_it_was_elsewhere_makes_no_difference(self) -> None:
        self.enter()
        self.enter("other")
        _, reply = self.enter()
        self.assertIsNone(reply.header("clear-site-data"))


class SessionPageTests(HostsCase):
    def test_it_leads_back_and_out_and_to_the_log_in_of_others(self) -> None:
        browser, _ = self.enter()
        for language in ("en", "de", "pt"):
            reply = browser.get(f"/ui/{language}/cloud-login.htm")
            self.assertEqual(reply.status, 200)
            page = reply.body.decode()
            check(self, page)
            self.assertIn("Carport &lt;b&gt;", page)
            self.assertIn(f'action="/ui/{language}/cloud-logout.htm"', page)
            own = f"https://{DOMAIN}/ui/{language}/cloud-login.htm?system=w00-008j"
            self.assertIn(f'href="{own}"', page)
            self.assertNotIn('name="cloud_user_id"', page)

    def test_without_a_session_the_log_in_is_on_the_own_host(self) -> None:
        for host, label in ((A, "w00-008j"), (f"nobody.{DOMAIN}", "nobody")):
            reply = self.browser.at(host).get("/ui/de/cloud-login.htm")
            self.assertEqual(reply.status, 303)
            self.assertEqual(
                reply.header("location"),
                f"https://{DOMAIN}/ui/de/cloud-login.htm?system={label}",
            )

    def test_a_form_leads_there_by_a_page_of_its_own(self) -> None:
        reply = self.browser.at(A).get("/cloud/enter")
        self.assertEqual(
            self.goes_on_to(reply),
            f"https://{DOMAIN}/ui/en/cloud-login.htm?system=w00-008j",
        )

    def test_there_is_nothing_of_the_operator_s(self) -> None:
        browser, _ = self.enter()
        for path in ("/ui/en/cloud-admin.htm", "/cloud/metrics", "/api/json/systems"):
            self.assertEqual(browser.get(path).status, 404, path)
        self.assertEqual(browser.get("/cloud/health").body, b"health ")
        self.assertEqual(browser.get("/cloud/api/v1/x").body, b"api x")

    def test_the_state_is_that_of_this_host_s_device(self) -> None:
        browser, _ = self.enter()
        self.assertEqual(browser.get("/cloud/session").status, 200)
        jar = browser.at(OTHER).jars[OTHER]
        jar[SESSION] = browser.cookies[SESSION]
        self.assertEqual(browser.at(OTHER).get("/cloud/session").status, 401)
        self.assertEqual(self.browser.get("/cloud/session").status, 401)


class LogOutTests(HostsCase):
    def test_it_ends_the_session_and_what_the_device_has_left(self) -> None:
        browser, _ = self.enter()
        browser.cookies["theme"] = "dark"
        session = browser.session()
        reply = browser.post(LOGOUT, {"csrf": browser.token()})
        assert session is not None
        self.assertTrue(session.ended)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("clear-site-data"), '"cache", "storage"')
        self.assertNotIn(SESSION, browser.cookies)
        self.assertNotIn("theme", browser.cookies)
        self.assertEqual(self.goes_on_to(reply), f"https://{DOMAIN}{LOGOUT}")

    def test_the_own_host_forgets_who_it_was(self) -> None:
        browser, _ = self.enter()
        reply = browser.post(LOGOUT, {"csrf": browser.token()})
        reply = browser.follow(self.goes_on_to(reply))
        self.assertEqual(reply.header("location"), f"{LOGIN}#logged_out")
        self.assertIn(
            'name="cloud_id" type="text" value=""', self.browser.get().body.decode()
        )

    def test_sessions_on_other_hosts_stay(self) -> None:
        browser, _ = self.enter()
        other, _ = self.enter("other")
        browser.post(LOGOUT, {"csrf": browser.token()})
        self.assertIsNotNone(other.session())

    def test_nobody_else_can_ask_for_it(self) -> None:
        browser, _ = self.enter()
        token = browser.token()
        for form, headers in (
            ({}, {}),
            ({"csrf": "x"}, {}),
            ({"csrf": token}, {"sec_fetch_site": "same-site"}),
            ({"csrf": token}, {"origin": f"https://{OTHER}"}),
        ):
            reply = browser.post(LOGOUT, form, **headers)
            self.assertEqual(reply.status, 403)
            self.assertIn(b"had become too old", reply.body)
            check(self, reply.body.decode())
            self.assertIsNotNone(browser.session())

    def test_a_link_to_it_shows_the_session_or_leads_to_the_log_in(self) -> None:
        browser, _ = self.enter()
        self.assertEqual(browser.get(LOGOUT).header("location"), LOGIN)
        reply = self.browser.at(OTHER).get(LOGOUT)
        self.assertEqual(self.goes_on_to(reply), f"https://{DOMAIN}{LOGOUT}")
