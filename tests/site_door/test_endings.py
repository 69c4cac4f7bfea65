"""What ends a session, a key, and whatever lives by them, at a device end's door."""

from __future__ import annotations

from twisted.internet.threads import deferToThread

from cfos_cloud.device.consent import Consent
from cfos_cloud.device.password_mark import make_mark
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.keys.key import Role
from tests.end_to_end.client import Client, Wire
from tests.end_to_end.target import Request
from tests.site_door.case import ADMIN, DoorCase

TOKEN = b"canary-head.canary-payload.canary-signature"


def events(request: Request) -> None:
    """One event, then nothing."""
    request.begin("200 OK", "Content-Type: text/event-stream")
    request.send(b"data: 1\n\n")
    request.wait_for_close()


class EndingCase(DoorCase):
    async def start(self, **end_to_end: object) -> None:
        await super().start(**end_to_end)
        self.target.routes["/api/json/events"] = events

    async def listening(self, browser: Client, *fields: tuple[str, str]) -> Wire:
        """A connection on which an event has come, and more may."""

        def listen() -> Wire:
            wire = browser.wire()
            wire.send(browser.head("GET", "/api/json/events", fields))
            status, _ = wire.read_head()
            self.assertEqual(status, 200)
            wire.read_until(b"data: 1\n\n")
            return wire

        return await deferToThread(listen)

    async def ends(self, wire: Wire) -> None:
        """It does, within the patience of a socket."""
        await deferToThread(wire.read_all)
        wire.close()


class SessionTests(EndingCase):
    async def test_another_admin_password_ends_them_with_their_streams(self) -> None:
        await self.start()
        browser = await self.logged_in()
        wire = await self.listening(browser)
        self.admin_file.write_text("another one")
        await self.ends(wire)
        answer = await deferToThread(browser.get, "/page")
        self.assertEqual(answer.status, 303)
        self.assertEqual(len(self.door.sessions), 0)

    async def test_log_out_ends_streams_and_grant(self) -> None:
        await self.start()
        browser = await self.logged_in()
        wire = await self.listening(browser)
        self.assertEqual(len(self.end.grants), 1)
        await deferToThread(browser.log_out)
        await self.ends(wire)
        self.assertEqual(len(self.end.grants), 0)

    async def test_the_server_hears_of_no_grant(self) -> None:
        await self.start()
        await self.logged_in()
        self.admin_file.write_text("another one")
        await self.until(lambda: len(self.end.grants) == 0)
        methods = [method for method, _ in self.servers[-1].notifications]
        self.assertNotIn("revoke", methods)

    async def test_they_outlive_the_tunnel(self) -> None:
        await self.start()
        browser = await self.logged_in()
        self.cut_tunnel()
        await self.until(lambda: self.log.count("connected to") == 2)
        answer = await deferToThread(browser.get, "/page")
        self.assertEqual(answer.status, 200)


class KeyTests(EndingCase):
    def agree(self, role: Role) -> str:
        """The device's consent to the key that :data:`TOKEN` is of."""
        key = consent_of(grant_of(TOKEN))
        admin = self.end.credentials.admin
        consent = Consent(key, "canary reader", role)
        self.end.key_grants.admit(consent, admin, make_mark(admin, bytes(16)))
        return key

    @property
    def bearer(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {TOKEN.decode()}"

    async def get(self, path: str) -> int:
        return (await deferToThread(self.browser().get, path, self.bearer)).status

    async def test_a_key_reads_by_the_consent_alone_and_nobody_in_between_sees_it(
        self,
    ) -> None:
        await self.start()
        self.assertEqual(await self.get("/api/json/x"), 401)
        self.agree(Role.API)
        answer = await deferToThread(self.browser().get, "/api/json/x", self.bearer)
        self.assertEqual(answer.status, 200)
        # Not the device's to have either.
        self.assertNotIn(b"canary-head", answer.body)
        self.assertIn(b"Cfos-Role: api", answer.body)
        self.assertNotIn(b"canary", bytes(self.heard))
        self.assertNotIn(grant_of(TOKEN).encode(), bytes(self.heard))

    async def test_a_key_may_what_its_role_says(self) -> None:
        await self.start()
        self.agree(Role.API)
        for path in ("/page", "/api/json/%2e%2e/page"):
            self.assertEqual(await self.get(path), 401, path)
        self.agree(Role.ADMIN)
        self.assertEqual(await self.get("/page"), 200)

    async def test_what_is_no_token_is_refused(self) -> None:
        await self.start()
        self.agree(Role.ADMIN)
        for token in ("x", "a.b", "a.b.c.d", f"{TOKEN.decode()}=", "a" * 3000 + ".b.c"):
            answer = await deferToThread(
                self.browser().get, "/page", ("Authorization", f"Bearer {token}")
            )
            self.assertEqual(answer.status, 401, token)
            self.assertEqual(answer.body, b"")

    async def test_the_end_of_a_consent_ends_its_streams(self) -> None:
        await self.start()
        key = self.agree(Role.API)
        wire = await self.listening(self.browser(), self.bearer)
        self.end.key_grants.forget([key])
        await self.ends(wire)
        self.assertEqual(await self.get("/api/json/x"), 401)

    async def test_another_admin_password_ends_keys(self) -> None:
        await self.start()
        self.agree(Role.API)
        wire = await self.listening(self.browser(), self.bearer)
        self.admin_file.write_text("another one")
        await self.ends(wire)
        self.assertEqual(await self.get("/api/json/x"), 401)
        self.assertNotIn(ADMIN, self.log)
        self.assertNotIn("canary-head", self.log)

    async def test_the_server_may_take_a_key_back(self) -> None:
        await self.start()
        key = self.agree(Role.API)
        control = self.servers[-1].control
        assert control is not None
        control.notify("forget", {"keys": [key]})
        await self.until(lambda: self.end.key_grants.find(grant_of(TOKEN)) is None)
        self.assertEqual(await self.get("/api/json/x"), 401)
