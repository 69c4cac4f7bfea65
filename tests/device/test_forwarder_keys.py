"""Requests of access keys at the device end, and the device's own credential."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.error import ConnectionLost

from cfos_cloud.device.consent import Consent
from cfos_cloud.device.consent_file import ConsentFile
from cfos_cloud.device.consents import Consents
from cfos_cloud.device.credentials import POLL_SECONDS
from cfos_cloud.device.grants import Grant, GrantSource
from cfos_cloud.device.key_grants import AnyGrant, KeyGrants
from cfos_cloud.device.target_header import TargetHeader
from cfos_cloud.keys.consent import consent_of, grant_of
from tests.device.forwarder_support import (
    GET,
    SWITCHING,
    UPGRADE,
    ForwarderCase,
    ServerStream,
    post,
)
from tests.device.test_consents import ADMIN, MARK

READ = b"GET /api/json/system?x=1 HTTP/1.1\r\nHost: cloud.example.org\r\n\r\n"


OURS = [(b"authorization", b"Basic b3Vycw=="), (b"x-site-key", b"ours")]


class Credential:
    """One that the test changes as it likes."""

    header: TargetHeader | None = None

    def renewal(self) -> None:
        """It is renewed by the test."""

    def doubt(self) -> None:
        """Nobody else knows whether it is right."""


class KeyCase(ForwarderCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.revoked: list[Grant] = []
        self.consents = Consents(ConsentFile(directory), lambda: self.clock.seconds())
        self.keys = KeyGrants(self.consents, self.revoked.append)
        super().setUp()

    def sources(self) -> GrantSource:
        return AnyGrant((self.grants, self.keys))

    def consent(self, token: bytes, role: str, **more: object) -> Consent:
        values = {"name": "evcc 家", "expires": None} | more
        consent = Consent.check(consent_of(grant_of(token)), role=role, **values)
        self.keys.admit(consent, ADMIN, MARK)
        return consent

    def ask(self, token: bytes, data: bytes) -> ServerStream:
        """A stream of the key with this token."""
        grant = Grant(grant_of(token), "", "", 0.0)
        return self.open(data, self.preamble(grant))


class RoleTests(KeyCase):
    def test_an_api_key_reads_and_is_called_by_its_name(self) -> None:
        self.consent(b"a.b.c", "api")
        stream = self.ask(b"a.b.c", READ)
        connection = self.accept()
        (request,) = connection.requests()
        self.assertEqual(request.start, b"GET /api/json/system?x=1 HTTP/1.1")
        self.assertEqual(request.get(b"cfos-user"), b"evcc%20%E5%AE%B6")
        self.assertEqual(request.get(b"cfos-role"), b"api")
        self.answer(connection)
        self.assertEqual(stream.one().body, b"ok")

    def test_whatever_else_it_asks_for_is_a_401_without_a_body(self) -> None:
        self.consent(b"a.b.c", "api")
        for data in (
            GET,
            UPGRADE,
            post(0),
            READ.replace(b"GET", b"DELETE"),
            READ.replace(b"/api/json/", b"/api/json/../"),
            READ.replace(b"/api/json/", b"/api/json/%2e%2e/"),
            READ.replace(b"/api/json/", b"//api/json/"),
            UPGRADE.replace(b"/ws", b"/api/json/ws"),
        ):
            stream = self.ask(b"a.b.c", data)
            message = stream.one()
            self.assertEqual(message.status, 401, data)
            self.assertEqual(
                (message.body, message.get(b"content-length")), (b"", b"0")
            )
            self.assertEqual(message.get(b"cache-control"), b"no-store")
            self.assertIsNone(message.get(b"cfos-error"))
        self.assertEqual(self.target.attempts, [])

    def test_after_a_401_the_stream_serves_on(self) -> None:
        self.consent(b"a.b.c", "api")
        stream = self.ask(b"a.b.c", GET)
        self.assertEqual(stream.one().status, 401)
        self.send(stream, READ)
        self.answer(self.accept())
        self.assertEqual(stream.one().body, b"ok")

    def test_a_body_that_an_api_key_sends_goes_nowhere(self) -> None:
        self.consent(b"a.b.c", "api")
        stream = self.ask(b"a.b.c", post(100_000) + b"x" * 50_000)
        self.assertEqual(stream.one().status, 401)
        self.send(stream, b"x" * 50_000)
        self.assertEqual(self.target.attempts, [])
        self.assertNotEqual(stream.lost, [])

    def test_an_admin_key_may_everything(self) -> None:
        self.consent(b"a.b.c", "admin")
        self.ask(b"a.b.c", post(2) + b"hi")
        (request,) = self.accept().requests()
        self.assertEqual((request.start[:9], request.body), (b"POST /up ", b"hi"))
        self.assertEqual(request.get(b"cfos-role"), b"admin")
        stream = self.ask(b"a.b.c", UPGRADE)
        self.accept().send(SWITCHING)
        self.pump()
        self.assertTrue(stream.data.startswith(b"HTTP/1.1 101 "))


class EndTests(KeyCase):
    def test_an_unknown_key_is_reset_and_the_server_told(self) -> None:
        self.consent(b"a.b.c", "admin")
        stream = self.ask(b"another", READ)
        self.assert_reset(stream)
        self.assertEqual(self.unknown, [grant_of(b"another")])

    def test_the_consent_itself_opens_nothing(self) -> None:
        consent = self.consent(b"a.b.c", "admin")
        stream = self.open(READ, self.preamble(Grant(consent.key, "", "", 0.0)))
        self.assert_reset(stream)

    def test_a_download_ends_within_a_second_of_the_keys_expiry(self) -> None:
        self.consent(b"a.b.c", "api", expires=60)
        stream = self.ask(b"a.b.c", READ)
        connection = self.accept()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome")
        self.pass_time(59.9)
        self.keys.sweep()
        self.pump()
        self.assertEqual(stream.lost, [])
        self.pass_time(0.1 + POLL_SECONDS)
        self.keys.sweep()
        self.pump()
        self.assertEqual(stream.lost, [ConnectionLost])
        self.assertTrue(connection.wire.ended)
        self.assert_reset(self.ask(b"a.b.c", READ))

    def test_a_websocket_ends_when_the_server_forgets_the_key(self) -> None:
        consent = self.consent(b"a.b.c", "admin")
        stream = self.ask(b"a.b.c", UPGRADE)
        connection = self.accept()
        connection.send(SWITCHING)
        self.pump()
        self.keys.forget([consent.key])
        self.pump()
        self.assertEqual(stream.lost, [ConnectionLost])
        self.assertTrue(connection.wire.ended)
        self.assertEqual(self.revoked, [])


class CredentialTests(KeyCase):
    def setUp(self) -> None:
        self.own = Credential()
        self.own.header = TargetHeader.parse(
            "Authorization: Basic b3Vycw==\nX-Site-Key: ours"
        )
        self.credential = self.own
        super().setUp()

    def seen(self) -> list[tuple[bytes, bytes]]:
        """What of these two names reaches the target, of all that was asked last."""
        request = self.accept().requests()[-1]
        names = (b"authorization", b"x-site-key")
        return [(n, v) for n, v in request.fields if n.lower() in names]

    def asking(self, fields: bytes) -> bytes:
        return READ.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n")

    def test_a_keys_request_always_has_it_and_no_other(self) -> None:
        for role in ("api", "admin"):
            self.consent(role.encode(), role)
            self.ask(
                role.encode(),
                self.asking(
                    b"authorization: Bearer x\r\nX-SITE-KEY: a\r\nX-Site-Key: b\r\n"
                ),
            )
            self.assertEqual(self.seen(), OURS)

    def test_an_admins_request_has_it_where_it_brings_none(self) -> None:
        self.open(READ)
        self.assertEqual(self.seen(), OURS)
        self.open(self.asking(b"authorization: Bearer theirs\r\n"))
        self.assertEqual(self.seen(), [(b"authorization", b"Bearer theirs"), OURS[1]])

    def test_an_admins_own_fields_stay_as_many_as_they_are(self) -> None:
        self.open(
            self.asking(b"X-Site-Key: a\r\nX-Site-Key: b\r\nAuthorization: c\r\n")
        )
        self.assertEqual(
            self.seen(),
            [(b"x-site-key", b"a"), (b"x-site-key", b"b"), (b"authorization", b"c")],
        )

    def test_a_users_request_never_has_it(self) -> None:
        anna = self.grants.issue("user", "anna", 60)
        self.open(READ, self.preamble(anna))
        self.assertEqual(self.seen(), [])
        self.open(self.asking(b"Authorization: hers\r\n"), self.preamble(anna))
        self.assertEqual(self.seen(), [(b"authorization", b"hers")])

    def test_an_upgrade_has_it_too(self) -> None:
        self.open(UPGRADE)
        self.assertEqual(self.seen(), OURS)

    def test_a_change_counts_from_the_next_request_on(self) -> None:
        self.own.header = TargetHeader.parse("X-Site-Key: new")
        self.open(READ)
        self.assertEqual(self.seen(), [(b"x-site-key", b"new")])

    def test_without_it_nothing_goes_to_the_target_but_users_requests(self) -> None:
        self.own.header = None
        self.consent(b"a.b.c", "api")
        for stream in (self.open(READ), self.ask(b"a.b.c", READ)):
            self.assert_trouble(stream, 502, b"refused")
        self.assertEqual(self.target.attempts, [])
        self.open(READ, self.preamble(self.grants.issue("user", "anna", 60)))
        self.assertEqual(self.seen(), [])

    def test_an_api_key_that_may_not_is_told_so_first(self) -> None:
        self.own.header = None
        self.consent(b"a.b.c", "api")
        self.assertEqual(self.ask(b"a.b.c", GET).one().status, 401)
