"""The rule for requests from other sites: a matrix of heads."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.origin_rule import Refusal, own_origin, refusal

CROSS, FOREIGN = Refusal.CROSS_SITE, Refusal.FOREIGN_ORIGIN


def ask(**changes: Any) -> Refusal | None:
    request: dict[str, Any] = {
        "method": b"GET",
        "target": b"/ui/en/index.htm",
        "is_upgrade": False,
        "sec_fetch_site": None,
        "sec_fetch_mode": None,
        "sec_fetch_dest": None,
        "origin": None,
        "scheme": b"https",
        "host": b"cloud.example.org:4443",
    }
    return refusal(**{**request, **changes})


def fetch(site: bytes, mode: bytes = b"navigate", dest: bytes = b"document") -> Any:
    return {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}


class FetchMetadataTests(SynchronousTestCase):
    """The browser says where the request comes from."""

    def test_our_own_pages_and_the_user_may_do_everything(self) -> None:
        for site in (b"same-origin", b"none"):
            for method in (b"GET", b"POST", b"DELETE"):
                for target in (b"/", b"/cnf?cmd=set_device"):
                    for is_upgrade in (False, True):
                        self.assertIsNone(
                            ask(
                                method=method,
                                target=target,
                                is_upgrade=is_upgrade,
                                origin=b"https://evil.example",
                                **fetch(site, b"cors", b"empty"),
                            )
                        )

    def test_a_link_without_a_query_passes(self) -> None:
        for site in (b"cross-site", b"same-site"):
            self.assertIsNone(ask(**fetch(site)))

    def test_a_query_of_the_log_in_page_only_says_where_somebody_wants_to_go(
        self,
    ) -> None:
        login = b"/ui/en/cloud-login.htm?system=meter--w00-a&back=/page"
        for site in (b"cross-site", b"same-site"):
            self.assertIsNone(ask(target=login, **fetch(site)))
            self.assertIs(ask(method=b"POST", target=login, **fetch(site)), CROSS)
            for target in (
                b"/ui/en/cloud-logout.htm?a",
                b"/ui/en/cloud-login.html?a",
                b"/x/ui/en/cloud-login.htm?a",
                b"/cnf?/ui/en/cloud-login.htm?",
            ):
                self.assertIs(ask(target=target, **fetch(site)), CROSS, target)

    def test_all_else_from_elsewhere_is_refused(self) -> None:
        changes: list[dict[str, Any]] = [
            {"target": b"/cnf?cmd=set_device"},
            {"target": b"/?"},
            {"method": b"POST"},
            {"method": b"HEAD"},
            {"method": b"get"},
            {"is_upgrade": True},
            {"sec_fetch_mode": b"no-cors"},
            {"sec_fetch_mode": b"cors"},
            {"sec_fetch_mode": b"websocket"},
            {"sec_fetch_mode": None},
            {"sec_fetch_dest": b"iframe"},
            {"sec_fetch_dest": b"embed"},
            {"sec_fetch_dest": b"image"},
            {"sec_fetch_dest": b"script"},
            {"sec_fetch_dest": None},
        ]
        for site in (b"cross-site", b"same-site"):
            for change in changes:
                self.assertIs(ask(**{**fetch(site), **change}), CROSS, change)

    def test_an_unknown_or_doubled_word_counts_as_another_site(self) -> None:
        for site in (b"", b"SAME-ORIGIN", b"same-origin, same-origin", b"new-word"):
            self.assertIs(ask(method=b"POST", **fetch(site)), CROSS, site)

    def test_the_origin_does_not_help_against_the_browsers_word(self) -> None:
        own = b"https://cloud.example.org:4443"
        changed = ask(method=b"POST", origin=own, **fetch(b"cross-site"))
        self.assertIs(changed, CROSS)


class OriginTests(SynchronousTestCase):
    """An old browser, plain HTTP, or a program."""

    def test_programs_send_neither_and_pass(self) -> None:
        for method in (b"GET", b"POST"):
            self.assertIsNone(ask(method=method, target=b"/cnf?cmd=set_device"))
        self.assertIsNone(ask(is_upgrade=True))

    def test_our_own_origin_passes(self) -> None:
        own = b"https://cloud.example.org:4443"
        self.assertIsNone(ask(method=b"POST", origin=own))
        self.assertIsNone(ask(is_upgrade=True, origin=own))

    def test_another_origin_is_refused(self) -> None:
        for origin in (
            b"https://evil.example",
            b"http://cloud.example.org:4443",
            b"https://cloud.example.org",
            b"https://cloud.example.org:4444",
            b"https://cloud.example.org:4443.evil.example",
            b"https://cloud.example.org:4443/",
            b"",
            b"https://cloud.example.org:4443, https://evil.example",
        ):
            for is_upgrade in (False, True):
                asked = ask(method=b"POST", origin=origin, is_upgrade=is_upgrade)
                self.assertIs(asked, FOREIGN, origin)

    def test_a_hidden_origin_passes_on_plain_http_alone(self) -> None:
        self.assertIs(ask(method=b"POST", origin=b"null"), FOREIGN)
        self.assertIsNone(ask(method=b"POST", origin=b"null", scheme=b"http"))

    def test_and_never_for_an_upgrade(self) -> None:
        for scheme in (b"http", b"https"):
            asked = ask(origin=b"null", scheme=scheme, is_upgrade=True)
            self.assertIs(asked, FOREIGN)

    def test_the_default_port_may_be_said_or_not(self) -> None:
        for scheme, host, origin in (
            (b"https", b"a.example", b"https://a.example"),
            (b"https", b"a.example:443", b"https://a.example"),
            (b"http", b"a.example:80", b"http://a.example"),
            (b"http", b"A.Example", b"http://a.example"),
            (b"https", b"[::1]", b"https://[::1]"),
        ):
            self.assertEqual(own_origin(scheme, host), origin)
            self.assertIsNone(ask(scheme=scheme, host=host, origin=origin))

    def test_the_other_schemes_port_is_no_default(self) -> None:
        self.assertEqual(own_origin(b"https", b"a:80"), b"https://a:80")
        self.assertEqual(own_origin(b"http", b"a:443"), b"http://a:443")
