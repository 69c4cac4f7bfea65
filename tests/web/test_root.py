"""Our own addresses."""

from __future__ import annotations

import json
import re

from tests.web.support import LOGIN, PagesTestCase


class RootTests(PagesTestCase):
    def test_the_operator_api_sees_what_follows_its_address(self) -> None:
        reply = self.browser.get("/cloud/api/v1/systems/a")
        self.assertEqual(reply.body, b"api systems/a")

    def test_health_is_where_it_should_be(self) -> None:
        self.assertEqual(self.browser.get("/cloud/health").body, b"health ")

    def test_nothing_is_to_be_indexed(self) -> None:
        reply = self.browser.get("/robots.txt")
        self.assertEqual(reply.body, b"User-agent: *\nDisallow: /\n")
        self.assertEqual(reply.header("content-type"), "text/plain; charset=utf-8")

    def test_unknown_addresses_get_a_page_of_ours(self) -> None:
        for path in (
            "/cloud",
            "/cloud/",
            "/cloud/nothing",
            "/cloud/api",
            "/cloud/api/v2/systems",
            "/cloud/assets/",
            "/cloud/assets/none.css",
            "/ui/en/cloud-keys.htm",
            "/ui//en/cloud-login.htm",
        ):
            reply = self.browser.get(path, accept_language="de")
            self.assertEqual(reply.status, 404, path)
            self.assertIn(b"Diese Seite gibt es nicht", reply.body)
            self.assertIn("default-src 'none'", reply.header("content-security-policy"))

    def test_or_json_who_asks_for_it(self) -> None:
        reply = self.browser.get("/cloud/nothing", accept="application/json")
        self.assertEqual(reply.header("content-type"), "application/problem+json")
        self.assertEqual(json.loads(reply.body)["status"], 404)

    def test_a_method_that_a_page_does_not_know_is_refused(self) -> None:
        reply = self.browser.request("DELETE", LOGIN)
        self.assertEqual(reply.status, 405)
        self.assertEqual(reply.header("allow"), "GET, HEAD, POST")

    def test_a_host_that_dns_could_not_have_is_a_bad_request(self) -> None:
        reply = self.browser.get("/cloud/nothing", host="a..b")
        self.assertEqual(reply.status, 400)


class AssetTests(PagesTestCase):
    def test_pages_link_to_assets_that_never_change(self) -> None:
        page = self.browser.get().body.decode()
        links = re.findall(r'(?:href|src)="(/cloud/assets/[^"]+)"', page)
        self.assertEqual({link.rpartition(".")[2] for link in links}, set(_TYPES))
        for link in links:
            reply = self.browser.get(link)
            self.assertEqual(reply.status, 200)
            self.assertIn("immutable", reply.header("cache-control") or "")
            self.assertIn(reply.header("content-type"), _TYPES[link.rpartition(".")[2]])

    def test_a_plain_name_is_asked_for_again_and_found_unchanged(self) -> None:
        first = self.browser.get("/cloud/assets/style.css")
        self.assertEqual(first.header("cache-control"), "no-cache")
        etag = first.header("etag") or ""
        again = self.browser.get("/cloud/assets/style.css", if_none_match=etag)
        self.assertEqual((again.status, again.body), (304, b""))

    def test_no_path_leads_out_of_the_assets(self) -> None:
        for path in (
            "/cloud/assets/../templates/login.html",
            "/cloud/assets/..%2ftemplates%2flogin.html",
            "/cloud/assets/%2e%2e/templates/login.html",
            "/cloud/assets/%2fetc%2fpasswd",
            "/cloud/assets/style.css%00",
        ):
            self.assertEqual(self.browser.get(path).status, 404, path)


_TYPES = {
    "css": ["text/css; charset=utf-8"],
    "js": ["text/javascript; charset=utf-8"],
    "svg": ["image/svg+xml"],
    "png": ["image/png"],
}
