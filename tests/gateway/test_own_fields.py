"""Which answers browsers are told something with, and that no device's is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from OpenSSL import SSL
from twisted.web.server import Site

from cfos_cloud.gateway.hosts import OneHost
from cfos_cloud.gateway.pages import MAX_BODY_BYTES
from cfos_cloud.gateway.pages_front import PagesFactory, PagesPort
from cfos_cloud.site_door.no_door import NoDoor
from tests.gateway.key_support import KeyCase
from tests.gateway.support import HTML, JSON, Browser
from tests.gateway.test_front_hosts import MAIN, A, give_hosts
from tests.memory import Message
from tests.own_answers import complaints

FOREIGN = b"Sec-Fetch-Site: cross-site"
WORKER = (b"Sec-Fetch-Dest: serviceworker", b"Service-Worker: script")


def wrong_with(message: Message, *, strict: bool = False) -> list[str]:
    fields = [(name.decode(), value.decode()) for name, value in message.fields]
    return complaints(fields, strict=strict)


def by_tls(browser: Browser, *, vouched: bool) -> Browser:
    """On a connection with a certificate that a CA vouches for, or not."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_app_data(vouched)
    wire: Any = browser.wire
    wire.getHandle = lambda: SSL.Connection(context)
    return browser


class OwnAnswersCase(KeyCase):
    """A browser of somebody who is logged in, and strangers'."""

    def answers(self, vouched: bool) -> Iterator[tuple[str, Message]]:
        """One of each kind that is ours, and whence it is."""

        def stranger(**more: Any) -> Browser:
            return by_tls(self.browser(**more), vouched=vouched)

        def holder() -> Browser:
            return by_tls(self.browser(self.session), vouched=vouched)

        for method in (b"GET", b"HEAD", b"POST"):
            yield "a page", stranger().fetch(b"/ui/en/cloud-login.htm", method=method)
        yield "a page of a holder's", holder().fetch(b"/cloud/health")
        yield "to the log-in", stranger().fetch(b"/page", HTML)
        for accept in (HTML, JSON):
            yield "no session", stranger().fetch(b"/page", accept, method=b"POST")
            yield "another site", holder().fetch(b"/page?x", accept, FOREIGN)
        yield "no key", stranger().fetch(b"/api/json/all")
        yield (
            "a bad key",
            stranger().fetch(b"/api/json/all", b"Authorization: Bearer x"),
        )
        yield "a worker", holder().fetch(b"/sw.js", *WORKER)
        yield (
            "a key's worker",
            stranger().fetch(b"/sw.js", *self.bearing(self.issue()), *WORKER),
        )
        too_large = b"Content-Length: %d" % (MAX_BODY_BYTES + 1)
        yield "too large", stranger().fetch(b"/cloud/x", too_large, method=b"POST")
        slow = stranger()
        slow.ask(b"/cloud/x", b"Content-Length: 5", method=b"POST")
        self.clock.advance(21)
        yield "too slow", slow.one()
        yield "no upgrade", stranger().fetch(b"/cloud/tunnel")
        lost = holder()
        lost.ask(b"/page", HTML)
        self.pump()
        self.stream.reset()
        self.pump()
        self.revocation_over()
        yield "bad gateway", lost.one()
        self.gateway.door = NoDoor()
        yield "no door", stranger().fetch(b"/cloud/tunnel")
        give_hosts(self)
        yield "a page of a device's host", stranger().fetch(b"/cloud/health", host=A)
        yield "to another host", stranger().fetch(b"/page", HTML, host=A)
        yield "the main host", stranger().fetch(b"/cloud/health", host=MAIN)


class OwnAnswersTests(OwnAnswersCase):
    def test_all_of_them_say_all_of_it(self) -> None:
        for vouched in (False, True):
            found = {
                f"{kind} {message.status}": wrong_with(message, strict=vouched)
                for kind, message in self.answers(vouched)
            }
            self.assertEqual({kind: each for kind, each in found.items() if each}, {})
            self.assertGreater(len(found), 15)
            self.gateway.hosts = OneHost()

    def test_what_is_no_request_says_it_but_for_tls(self) -> None:
        # It is not known whether a proxy has sent it for somebody.
        browser = by_tls(self.browser(), vouched=True)
        browser.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
        message = browser.one()
        self.assertEqual((message.status, wrong_with(message)), (400, []))

    def test_without_tls_nobody_is_told_to_stay_with_it(self) -> None:
        browser = by_tls(self.browser(secure=False), vouched=True)
        self.assertEqual(wrong_with(browser.fetch(b"/cloud/health")), [])

    def test_behind_a_proxy_that_ends_tls_that_is_the_proxy_s_to_say(self) -> None:
        for proto in (b"https", b"http"):
            for lines in ((), (b"X-Forwarded-For: 192.0.2.9",)):
                proxy = by_tls(self.browser(address="10.0.0.1"), vouched=True)
                said = b"X-Forwarded-Proto: " + proto
                message = proxy.fetch(b"/cloud/health", said, *lines)
                self.assertEqual(wrong_with(message), [], (proto, lines))

    def test_what_a_stranger_says_of_a_proxy_changes_nothing(self) -> None:
        browser = by_tls(self.browser(), vouched=True)
        message = browser.fetch(b"/cloud/health", b"X-Forwarded-Proto: http")
        self.assertEqual(wrong_with(message, strict=True), [])

    def test_a_port_of_our_pages_alone_says_it_too(self) -> None:
        port = PagesPort(
            self.clock,
            Site(self.pages),
            self.gateway.answers,
            self.gateway.proxies,
            self.gateway.metrics,
        )
        for vouched in (False, True):
            factory: Any = PagesFactory(port, secure=True)
            visitor = Browser(factory, self.clock, "203.0.113.7", True)
            message = by_tls(visitor, vouched=vouched).fetch(b"/any")
            self.assertEqual(wrong_with(message, strict=vouched), [])


class DeviceAnswersTests(OwnAnswersCase):
    def test_nothing_of_it_is_put_into_a_device_s_answer(self) -> None:
        by_tls(self.user, vouched=True)
        message = self.serve(b"<html>", b"/page", HTML)
        names = {name for name, _ in message.fields}
        self.assertEqual(message.body, b"<html>")
        self.assertLessEqual(names, {b"content-length"})

    def test_what_a_device_says_of_framing_and_scripts_is_its_own(self) -> None:
        by_tls(self.user, vouched=True)
        stream = self.ask(b"/page")
        said = [
            b"X-Frame-Options: SAMEORIGIN",
            b"Content-Security-Policy: default-src *",
            b"Referrer-Policy: unsafe-url",
            b"Strict-Transport-Security: max-age=1",
        ]
        stream.stream.write(b"\r\n".join((b"HTTP/1.1 204 No Content", *said, b"", b"")))
        self.pump()
        message = self.user.one()
        kept = [tuple(line.split(b": ")) for line in said[:-1]]
        self.assertEqual(
            [(name, value) for name, value in message.fields],
            [(name.lower(), value) for name, value in kept],
        )
