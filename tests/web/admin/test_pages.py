"""The operator's page over a real registry, as a browser without scripts uses it."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

from klein import Klein
from twisted.web.resource import Resource

from cfos_cloud.events import EventKind, Origin
from cfos_cloud.languages import SUPPORTED
from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_service import CertificateService
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.listener.tls import ReloadableTLS
from cfos_cloud.registry import PreferenceStore, SiteSettings
from cfos_cloud.site_info import SiteInfo
from cfos_cloud.web.admin.page import AdminPages
from cfos_cloud.web.admin.parts import AdminParts
from cfos_cloud.web.api.admin_password import AdminPasswordResource
from cfos_cloud.web.api.certificate import CertificateResource
from cfos_cloud.web.api.events import EventsResource
from cfos_cloud.web.api.history import HistoryResource
from cfos_cloud.web.api.loglevel import LogLevelResource
from cfos_cloud.web.api.operator_api import BASE
from cfos_cloud.web.api.session import SessionResource
from cfos_cloud.web.api.settings import SettingsResource
from cfos_cloud.web.api.status import StatusParts, StatusResource
from cfos_cloud.web.api.system_access import SystemAccessResource
from cfos_cloud.web.api.system_import import SystemImport
from cfos_cloud.web.api.systems import SystemsResource
from cfos_cloud.web.api.tables import TablesResource
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.operator.session import FRESH, IDLE
from cfos_cloud.web.public_address import PublicAddress
from cfos_cloud.web.root import make_admin_root
from cfos_cloud.workers import Overloaded
from tests.listener.authority import NOW, Authority, pem
from tests.listener.several import certificate_for
from tests.registry.support import InlineWorker
from tests.test_pages import check
from tests.web.cloud_keys import admin_keys
from tests.web.operator_support import PASSWORD, OperatorAPICase, Presences
from tests.web.support import Browser, Echo, Planted, Reply, the_pages

PAGE = "/ui/en/cloud-admin.htm"


class Tunnels(Presences):
    """Nobody is online, and whom they cut is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.cut: list[str] = []

    def disconnect(
        self, cloud_id: str, reason: str, retry_after: int | None = None
    ) -> bool:
        self.cut.append(cloud_id)
        return False


class Level:
    level = 3


class Database:
    ok = True


class AdminCase(OperatorAPICase):
    given = SiteInfo()

    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(NOW.timestamp())
        self.tunnels, self.level = Tunnels(), Level()
        store = CertificateStore(self.data_dir, ["localhost"], lambda: NOW)
        self.tls = ReloadableTLS(*store.load())
        self.certificates = CertificateService(
            store, self.tls, self.clock, lambda: NOW, []
        )
        site = SiteSettings(self.database, self.events, self.given)
        site.load()
        preferences = PreferenceStore(self.database, self.events)
        preferences.load()
        worker = InlineWorker()
        status = StatusParts(
            self.systems,
            self.tunnels,
            self.sessions,
            Database(),
            self.certificates,
            lambda: NOW,
        )
        importer = SystemImport(self.systems, worker)
        parts = AdminParts(
            systems=SystemsResource(self.systems, self.tunnels, worker, BASE),
            access=SystemAccessResource(
                self.systems, self.tunnels, worker, self.events
            ),
            tables=TablesResource(self.systems, self.tunnels, importer, self.clock),
            history=HistoryResource(self.systems, self.connections, self.clock),
            events=EventsResource(self.events),
            status=StatusResource(status),
            settings=SettingsResource(site, preferences),
            certificate=CertificateResource(self.certificates, self.events),
            password=AdminPasswordResource(self.operator, self.password),
            loglevel=LogLevelResource(self.level, self.events),
            session=SessionResource(self.sessions, self.password, self.login),
            sessions=self.sessions,
            login=self.login,
            password_fixed=lambda: self.operator.fixed,
            now=lambda: NOW,
            address=PublicAddress(),
            keys=admin_keys(self),
        )
        self.operator.when_changed(self.sessions.end_all)
        admin = AdminPages(parts, the_pages(), b"k" * 32)
        self.admin_root: Resource = make_admin_root(
            CommonPages(the_pages()),
            Echo(b"api"),
            Echo(b"health"),
            Klein().resource(),
            admin,
        )
        self.browser = Browser(self.admin_root)

    def open(self, query: str = "", language: str = "en", **fields: str) -> Reply:
        reply = self.browser.get(f"/ui/{language}/cloud-admin.htm{query}", **fields)
        if reply.status == 200:
            check(self, reply.body.decode())
        return reply

    def token(self, query: str = "") -> str:
        match = re.search(rb'name="csrf" content="([^"]+)"', self.open(query).body)
        return "" if match is None else match[1].decode()

    def send(self, action: str, query: str = "", **form: str) -> Reply:
        """A form of ours, with its token, which does not take a note away."""
        token = form.pop("csrf", "")
        if not token:
            (session,) = self.sessions._sessions.values()
            token = session.csrf
        form = {"csrf": token, "action": action, **form}
        return self.browser.post(PAGE + query, form, sec_fetch_site="same-origin")

    def log_in(self, password: str = PASSWORD, **fields: str) -> Reply:
        form = {"csrf": self.token(), "action": "login", "password": password}
        return self.browser.post(PAGE, form, **fields)

    def text(self, reply: Reply) -> str:
        return html.unescape(reply.body.decode())


class LoginTests(AdminCase):
    def test_nobody_is_let_in_without_the_password(self) -> None:
        for query in ("", "?system=a", "?page=events"):
            reply = self.open(query)
            self.assertEqual(reply.status, 200)
            self.assertIn("Operator's log-in", self.text(reply))

    def test_the_password_leads_to_the_page_that_was_asked_for(self) -> None:
        form = {"csrf": self.token(), "action": "login", "password": PASSWORD}
        reply = self.browser.post(f"{PAGE}?page=events", form)
        self.assertEqual(reply.status, 303)
        self.assertEqual(reply.header("location"), f"{PAGE}?page=events")
        cookie = reply.header("set-cookie") or ""
        for part in ("__Host-cfos-admin=", "Secure", "HttpOnly", "SameSite=Strict"):
            self.assertIn(part, cookie)
        self.assertIn("What happened", self.text(self.open("?page=events")))

    def test_every_wrong_one_has_the_same_answer(self) -> None:
        answers = {self.log_in(wrong).body for wrong in ("x", "", PASSWORD + "x")}
        self.assertEqual(len(answers), 1)
        self.assertEqual(self.log_in("x").status, 401)
        self.assertIn("not the admin password", self.text(self.log_in("x")))

    def test_too_many_tries_have_to_wait(self) -> None:
        replies = [self.log_in("x") for _ in range(12)]
        self.assertEqual(replies[-1].status, 429)
        self.assertTrue(int(replies[-1].header("retry-after") or 0) > 0)
        self.assertEqual(self.log_in().status, 429)

    def test_a_program_may_leave_the_button_out(self) -> None:
        form = {"csrf": self.token(), "password": PASSWORD}
        self.assertEqual(self.browser.post(PAGE, form).status, 303)

    def test_a_strange_form_is_neither_tried_nor_charged(self) -> None:
        for form, fields, status in (
            ({"password": PASSWORD, "action": "login"}, {}, 403),
            ({"password": "x", "action": "login", "csrf": "x"}, {}, 403),
            ({"password": "x", "action": "remove"}, {}, 403),
            ({"password": "x"}, {"sec_fetch_site": "cross-site"}, 403),
            ({"password": "x"}, {"content_type": "text/plain"}, 400),
        ):
            for _ in range(12):
                reply = self.browser.post(PAGE, form, **fields)
                self.assertEqual(reply.status, status)
        self.assertEqual(self.log_in().status, 303)

    def test_planted_cookies_lock_nobody_out_and_are_removed(self) -> None:
        self.browser = planted = Planted(self.admin_root)
        self.open()
        planted.planted["cfos-admin-csrf"] = Csrf(b"x" * 32).new_nonce().decode()
        self.assertEqual(self.log_in().status, 303)
        self.assertIn("cfos-admin", planted.cookies)
        planted.cookies.pop("cfos-admin")
        expired = "cfos-admin-csrf=; Path=/ui; Max-Age=0"
        self.assertIn(expired, self.open().all("set-cookie"))
        planted.planted["cfos-admin-csrf"] = "junk"
        reply = self.log_in()
        self.assertEqual(reply.status, 303)
        self.assertIn(expired, reply.all("set-cookie"))

    def test_when_passwords_can_t_be_looked_at_it_says_so(self) -> None:
        def busy(password: str) -> Any:
            raise Overloaded

        self.patch(self.operator, "verify", busy)
        reply = self.log_in()
        self.assertEqual((reply.status, reply.header("retry-after")), (503, "2"))

    def test_log_out_ends_the_session(self) -> None:
        self.log_in()
        reply = self.send("logout")
        self.assertEqual((reply.status, len(self.sessions)), (303, 0))
        self.assertNotIn("__Host-cfos-admin", self.browser.cookies)


class GuardTests(AdminCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def test_a_form_needs_the_page_s_token(self) -> None:
        reply = self.send("add", cloud_id="A", csrf="x")
        self.assertEqual((reply.status, len(self.systems)), (403, 0))

    def test_no_other_site_gets_anything(self) -> None:
        for site in ("cross-site", "same-site"):
            self.assertEqual(self.open(sec_fetch_site=site).status, 403)
            (session,) = self.sessions._sessions.values()
            form = {"csrf": session.csrf, "action": "add", "cloud_id": "A"}
            reply = self.browser.post(PAGE, form, sec_fetch_site=site)
            self.assertEqual((reply.status, len(self.systems)), (403, 0))

    def test_it_is_for_windows_and_no_script_reads_its_token(self) -> None:
        self.assertEqual(self.open(sec_fetch_dest="document").status, 200)
        (session,) = self.sessions._sessions.values()
        for dest in ("empty", "iframe", "object", "script"):
            reply = self.open(sec_fetch_dest=dest, sec_fetch_site="same-origin")
            self.assertEqual(reply.status, 403, dest)
            self.assertNotIn(session.csrf, self.text(reply))
            form = {"csrf": session.csrf, "action": "add", "cloud_id": "A"}
            reply = self.browser.post(PAGE, form, sec_fetch_dest=dest)
            self.assertEqual((reply.status, len(self.systems)), (403, 0))

    def test_nothing_inline_runs_and_only_we_are_asked(self) -> None:
        policy = self.open().header("content-security-policy") or ""
        for part in ("default-src 'none'", "script-src 'self'", "connect-src 'self'"):
            self.assertIn(part, policy)
        self.assertEqual(self.open().header("cache-control"), "no-store")

    def test_what_matters_most_needs_the_password_again_after_a_while(self) -> None:
        self.send("add", cloud_id="A-1")
        self.clock.advance(FRESH + 1)
        for action, query in (
            ("remove", "?system=A-1"),
            ("rotate", "?system=A-1"),
            ("certificate", "?page=certificate"),
            ("password", "?page=settings"),
        ):
            reply = self.send(action, query)
            self.assertEqual(reply.status, 401, action)
            self.assertIn("password once more", self.text(reply))
            reply = self.send(action, query, operator_password="x")
            self.assertEqual(reply.status, 422, action)
            self.assertIn("not the admin password", self.text(reply))
        reply = self.send("remove", "?system=A-1", operator_password=PASSWORD)
        self.assertEqual((reply.status, len(self.systems)), (303, 0))

    def test_a_session_that_is_over_says_so_and_changes_nothing(self) -> None:
        (session,) = self.sessions._sessions.values()
        self.clock.advance(IDLE + 1)
        reply = self.send("add", cloud_id="A", csrf=session.csrf)
        self.assertEqual((reply.status, len(self.systems)), (403, 0))
        self.assertIn("no longer logged in", self.text(reply))

    def test_a_form_that_is_none_is_refused(self) -> None:
        self.assertEqual(self.send("nonsense").status, 400)


class SystemTests(AdminCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def test_a_new_system_s_password_is_shown_once(self) -> None:
        reply = self.send("add", cloud_id=" W00-008J ", name="Carport <b>")
        self.assertEqual(reply.status, 303)
        self.assertEqual(reply.header("location"), f"{PAGE}?system=W00-008J")
        page = self.text(self.open("?system=W00-008J"))
        self.assertIn("W00-008J is added", page)
        self.assertIn("--server https://cloud.example.org --cloud-id W00-008J", page)
        found = re.search(r'id="new-password" class="value">([^<]+)<', page)
        assert found is not None
        again = self.open("?system=W00-008J")
        self.assertNotIn(found[1], self.text(again))
        self.assertIn(b"Carport &lt;b&gt;", again.body)

    def test_one_that_is_end_to_end_is_marked_and_it_is_said_what_that_means(
        self,
    ) -> None:
        self.send("add", cloud_id="A-1")
        self.send("add", cloud_id="B-1")
        by = Origin("device", "192.0.2.7")
        self.successResultOf(self.systems.set_end_to_end("A-1", True, by))
        rows = re.findall(
            r'<tr [^>]*data-system="([^"]+)".*?data-end-to-end([^>]*)>',
            self.open("").body.decode(),
            re.DOTALL,
        )
        marked = {name for name, fields in rows if not fields.endswith(" hidden")}
        self.assertEqual(
            ([name for name, _ in rows], marked), (["A-1", "B-1"], {"A-1"})
        )
        means = "TLS ends at the device: this server passes connections on"
        self.assertIn(means, self.text(self.open("?system=A-1")))
        self.assertNotIn(f"<dd>{means}", self.open("?system=B-1").body.decode())
        self.assertIn(
            b"TLS ends at the device from now on", self.open("?page=events").body
        )

    def test_it_waits_for_somebody_who_sees_it(self) -> None:
        self.send("add", cloud_id="A-1")
        here = f"{PAGE}?system=A-1"
        self.assertEqual(self.browser.request("HEAD", here).status, 200)
        for fields in (
            {"sec_purpose": "prefetch"},
            {"sec_purpose": "prefetch;prerender"},
            {"purpose": "prefetch"},
            {"x_moz": "prefetch"},
        ):
            reply = self.browser.get(here, **fields)
            self.assertNotIn("A-1 is added", self.text(reply))
        self.assertIn("A-1 is added", self.text(self.browser.get(here)))
        self.assertNotIn("A-1 is added", self.text(self.browser.get(here)))

    def test_a_chosen_password_is_never_shown(self) -> None:
        self.send("add", cloud_id="A-1", cloud_password="chosen by myself")
        self.assertNotIn(b"chosen by myself", self.open("?system=A-1").body)

    def test_faults_are_beside_their_fields_and_the_rest_stays(self) -> None:
        self.send("add", cloud_id="A-1")
        for form, field, words, status in (
            ({"cloud_id": "--"}, "cloud_id", "1 to 40 letters", 422),
            ({"cloud_id": "a-1"}, "", "has this Cloud ID already", 409),
            (
                {"cloud_id": "A-2", "cloud_password": "short"},
                "cloud_password",
                "At least 12",
                422,
            ),
            ({"cloud_id": "A-2", "name": "x" * 201}, "name", "too long", 422),
        ):
            reply = self.send("add", **form)
            self.assertEqual(reply.status, status)
            page = self.text(reply)
            check(self, reply.body.decode())
            self.assertIn(words, page)
            self.assertIn(f'value="{form["cloud_id"]}"', page)
            if field:
                self.assertRegex(page, rf'id="{field}"[^>]*aria-invalid="true"')
            self.assertNotIn('value="short"', page)

    def test_it_is_renamed_switched_off_and_on_and_cut(self) -> None:
        self.send("add", cloud_id="A-1")
        here = "?system=a-1"
        self.assertEqual(self.send("rename", here, name="Depot").status, 303)
        self.assertIn("The new name is stored.", self.text(self.open(here)))
        self.send("disable", here)
        system = self.systems.get("A-1")
        assert system is not None
        self.assertEqual((system.name, system.enabled), ("Depot", False))
        self.assertIn("Disabled", self.text(self.open(here)))
        self.send("enable", here)
        self.send("disconnect", here)
        self.assertEqual(self.tunnels.cut, ["a-1"])
        self.assertIn("no connection to cut", self.text(self.open(here)))

    def test_a_new_password_is_shown_once_too(self) -> None:
        self.send("add", cloud_id="A-1")
        self.open("?system=A-1")
        before = self.systems.get("A-1")
        self.assertEqual(self.send("rotate", "?system=A-1").status, 303)
        page = self.text(self.open("?system=A-1"))
        self.assertIn("A-1 has a new Cloud password", page)
        after = self.systems.get("A-1")
        assert before is not None and after is not None
        self.assertNotEqual(before.verifier, after.verifier)

    def test_removing_has_a_page_that_asks(self) -> None:
        self.send("add", cloud_id="A-1")
        self.open("?system=A-1")
        page = self.text(self.open("?system=A-1&ask=remove"))
        self.assertIn("Remove A-1?", page)
        self.assertEqual(page.count('value="remove"'), 1)
        self.send("remove", "?system=A-1", erase="1")
        self.assertIn("A-1 is removed.", self.text(self.open()))
        kinds = [event.kind for event in self.kept()]
        self.assertIn(EventKind.SYSTEM_ERASED, kinds)

    def test_a_system_that_is_gone_is_a_404(self) -> None:
        self.assertEqual(self.open("?system=nobody").status, 404)
        self.assertEqual(self.send("disable", "?system=nobody").status, 404)

    def test_the_list_is_searched_sorted_and_paged(self) -> None:
        for number in range(60):
            self.send("add", cloud_id=f"A-{number}", name=f"Site {60 - number:02}")
        self.open()
        first = self.text(self.open("?sort=name"))
        self.assertIn("60 systems", first)
        self.assertEqual(first.count("data-system="), 50)
        found = re.search(r'href="([^"]+)" rel="next"', first)
        assert found is not None
        second = self.text(self.open(found[1]))
        self.assertEqual(second.count("data-system="), 10)
        self.assertIn("First page", second)
        self.assertEqual(self.text(self.open("?q=site+01")).count("data-system="), 1)
        self.assertIn("Nothing is like that", self.text(self.open("?state=online")))
        self.assertEqual(self.open("?sort=odd&state=odd").status, 200)
        self.assertEqual(self.open("?cursor=odd").status, 404)


class OtherViewTests(AdminCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def test_every_view_is_well_formed_in_every_language(self) -> None:
        self.send("add", cloud_id="A-1")
        self.connect("A-1", started=NOW - timedelta(hours=3), seen=NOW)
        for language in SUPPORTED:
            for query in (
                *("", "?q=x", "?system=A-1", "?system=A-1&ask=remove"),
                *("?page=events", "?page=certificate", "?page=settings"),
                *("?page=import", "?page=keys"),
            ):
                reply = self.open(query, language)
                self.assertEqual(reply.status, 200, query)
                self.assertEqual(reply.body.count(b"<h1"), 1, query)

    def test_every_kind_of_event_has_words(self) -> None:
        page = self.text(self.open("?page=events"))
        for kind in EventKind:
            self.assertIn(f'<option value="{kind.value}">', page)
            self.assertNotIn(f">{kind.value}<", page)

    def test_events_are_filtered(self) -> None:
        self.send("add", cloud_id="A-1")
        page = self.text(self.open("?page=events&kind=system_added&about=A-1"))
        self.assertEqual(page.count('role="rowheader"'), 1)
        self.assertIn(
            "Nothing is like that", self.text(self.open("?page=events&about=B"))
        )

    def pair(self) -> tuple[str, str]:
        key = new_key()
        return pem(Authority("CA").issue(key)).decode(), pem(key).decode()

    def import_for(self, *names: str, days: int = 80) -> Certificate:
        made = certificate_for(*names, end=NOW + timedelta(days=days))
        return self.certificates.replace(made.certificate_pem, made.key_pem)

    def test_several_certificates_are_listed_with_what_to_know(self) -> None:
        page = self.text(self.open("?page=certificate"))
        self.assertNotIn("Certificates by name", page)
        self.assertNotIn("Remove …", page)
        self.import_for("a.example", days=5)
        page = self.text(self.open("?page=certificate"))
        self.assertNotIn("Certificates by name", page)
        self.assertIn("Remove …", page)
        self.import_for("*.example")
        for language, words in (
            ("en", "Certificates by name"),
            ("de", "Zertifikate nach Namen"),
            ("pt", "Certificados por nome"),
        ):
            page = self.text(self.open("?page=certificate", language))
            self.assertIn(words, page)
        page = self.text(self.open("?page=certificate"))
        listed = page.index("Certificates by name")
        self.assertLess(
            page.index("*.example", listed), page.index("a.example", listed)
        )
        self.assertIn("The certificate expires in 5 days.", page)
        self.assertEqual(page.count(">Default<"), 1)

    def test_one_is_removed_after_a_question(self) -> None:
        a = self.import_for("a.example")
        b = self.import_for("b.example")
        asked = f"?page=certificate&ask=certificate-remove&key={b.fingerprint}"
        page = self.text(self.open(asked))
        self.assertRegex(page, "Remove the certificate for <[^>]*>b.example</span>[?]")
        self.assertIn("Keep it", page)
        reply = self.send("certificate-remove", "?page=certificate", key=b.fingerprint)
        self.assertEqual(reply.status, 303)
        self.assertEqual(self.certificates.certificates, (a,))
        self.assertIn("is removed, with", self.text(self.open("?page=certificate")))

    def test_one_that_is_gone_or_our_own_is_said(self) -> None:
        own = self.certificates.certificate.fingerprint
        for key, words in (
            ("AB:CD", "This certificate is no longer there."),
            ("", "This certificate is no longer there."),
            (own, "The server made this certificate itself."),
        ):
            reply = self.send("certificate-remove", "?page=certificate", key=key)
            self.assertIn(reply.status, (404, 409))
            self.assertIn(words, self.text(reply))

    def test_to_remove_one_the_password_is_needed_again_after_a_while(self) -> None:
        a = self.import_for("a.example")
        self.clock.advance(FRESH + 1)
        query = "?page=certificate"
        reply = self.send("certificate-remove", query, key=a.fingerprint)
        self.assertEqual(reply.status, 401)
        self.assertIn("a.example</span>?", self.text(reply))
        self.assertEqual(self.certificates.certificates, (a,))
        reply = self.send(
            "certificate-remove",
            query,
            key=a.fingerprint,
            operator_password=PASSWORD,
        )
        self.assertEqual(reply.status, 303)
        self.assertNotIn(a, self.certificates.certificates)

    def test_a_certificate_is_checked_then_served(self) -> None:
        certificate, key = self.pair()
        before = self.certificates.certificate.fingerprint
        for form, field, words in (
            ({}, "certificate", "no certificate in PEM"),
            (
                {"certificate": key, "private_key": certificate},
                "certificate",
                "are the two swapped",
            ),
            (
                {"certificate": certificate, "private_key": self.pair()[1]},
                "private_key",
                "another certificate",
            ),
        ):
            reply = self.send("certificate", "?page=certificate", **form)
            self.assertEqual(reply.status, 422)
            page = self.text(reply)
            self.assertIn(words, page)
            self.assertRegex(page, rf'id="{field}"[^>]*aria-invalid="true"')
            self.assertEqual(self.certificates.certificate.fingerprint, before)
        form = {"certificate": certificate, "private_key": key}
        reply = self.send("certificate", "?page=certificate", **form)
        self.assertEqual(reply.status, 303)
        page = self.text(self.open("?page=certificate"))
        self.assertIn("The new certificate is in use", page)
        self.assertIn(self.certificates.certificate.fingerprint, page)

    def test_its_end_is_announced_three_weeks_before(self) -> None:
        for days, words in ((21, "in 21 days. Please"), (30, None), (1, "in 1 day.")):
            key = new_key()
            end = NOW + timedelta(days=days, hours=1 if days > 21 else 0)
            leaf = Authority("CA").issue(key, end=end)
            self.certificates.replace(pem(leaf), pem(key))
            page = self.text(self.open("?page=certificate"))
            if words is None:
                self.assertNotIn("Please import a new one", page)
            else:
                self.assertIn(words, page)
            is_warned = '<div class="warn"><dt>Certificate' in self.text(self.open())
            self.assertEqual(is_warned, words is not None)

    def test_a_key_is_not_taken_over_plain_http_nor_said_again(self) -> None:
        certificate, key = self.pair()
        form = {"certificate": certificate, "private_key": "k" + key[1:]}
        reply = self.send("certificate", "?page=certificate", **form)
        self.assertNotIn(key[40:80], self.text(reply))
        self.browser.secure = False
        token = self.browser.cookies["__Host-cfos-admin"]
        self.browser.cookies = {"cfos-admin": token}
        reply = self.send(
            "certificate",
            "?page=certificate",
            certificate=certificate,
            private_key=key,
        )
        self.assertEqual(reply.status, 403)
        self.assertIn("over https:// only", self.text(reply))

    def test_the_admin_password_is_changed_and_all_are_logged_out(self) -> None:
        here = "?page=settings"
        for new, repeated, words in (
            ("a new password", "another one", "not alike"),
            ("short", "short", "At least 8"),
        ):
            reply = self.send(
                "password", here, new_password=new, repeated_password=repeated
            )
            self.assertEqual(reply.status, 422)
            self.assertIn(words, self.text(reply))
        new = "quite another one"
        reply = self.send("password", here, new_password=new, repeated_password=new)
        self.assertEqual((reply.status, len(self.sessions)), (303, 0))
        self.assertEqual(self.log_in().status, 401)
        self.assertEqual(self.log_in(new).status, 303)

    def test_one_from_a_file_is_changed_there(self) -> None:
        self.patch(self.operator, "_fixed", True)
        self.assertIn("--admin-password-file", self.text(self.open("?page=settings")))
        form = {"new_password": "a new one", "repeated_password": "a new one"}
        reply = self.send("password", "?page=settings", **form)
        self.assertEqual(reply.status, 409)
        self.assertIn("it is changed there", self.text(reply))

    def test_settings_are_stored(self) -> None:
        here = "?page=settings"
        form = {"operator_name": "Stadtwerke", "imprint_url": "", "privacy_url": "x"}
        reply = self.send("site", here, **form)
        self.assertEqual(reply.status, 422)
        self.assertIn("such as https://", self.text(reply))
        form["privacy_url"] = "https://example.org/privacy"
        form["retention_days"] = "7"
        self.assertEqual(self.send("site", here, **form).status, 303)
        page = self.text(self.open(here))
        self.assertIn('value="Stadtwerke"', page)
        self.assertRegex(page, r'id="retention_days"[^>]*value="7"')
        for wrong in ("0", "7.5", "x"):
            reply = self.send("site", here, retention_days=wrong)
            self.assertEqual(reply.status, 422, wrong)
        self.assertEqual(self.send("loglevel", here, loglevel="4").status, 303)
        self.assertEqual(self.level.level, 4)
        self.assertEqual(self.send("loglevel", here, loglevel="5").status, 422)

    def test_a_table_is_imported_or_all_its_faults_are_told(self) -> None:
        here = "?page=import"
        table = "cloud_id,name\nA-1,One\n--,Two\n"
        reply = self.send("import", here, table=table)
        self.assertEqual((reply.status, len(self.systems)), (422, 0))
        self.assertIn("because of these lines", self.text(reply))
        self.assertNotIn("more line", self.text(reply))
        reply = self.send("import", here, table="cloud_id\n" + "-\n" * 5000)
        self.assertEqual(reply.body.count(b'role="rowheader"'), 100)
        self.assertIn("4,900 more lines are wrong.", self.text(reply))
        self.assertLess(len(reply.body), 100_000)
        table = "cloud_id,name\nA-1,One\nA-2,Two\n"
        self.assertEqual(self.send("import", here, table=table).status, 303)
        page = self.text(self.open(here))
        self.assertIn("2 systems are added.", page)
        self.assertRegex(page, r"A-1,[^\s,]{20}")
        reply = self.send("import", here, table=table + "A-3,\n", skip="1")
        self.assertEqual((reply.status, len(self.systems)), (303, 3))
        self.assertIn("2 lines were left out", self.text(self.open(here)))


class FixedTests(AdminCase):
    given = SiteInfo("Stadtwerke")

    def test_what_an_option_says_is_shown_and_not_asked(self) -> None:
        self.log_in()
        page = self.text(self.open("?page=settings"))
        self.assertNotIn('name="operator_name"', page)
        self.assertIn("An option of the server's command line", page)
