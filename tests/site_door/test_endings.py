"""What ends a session, and whatever lives by it, at a device end's door."""

from __future__ import annotations

from twisted.internet.threads import deferToThread

from tests.end_to_end.client import Client, Wire
from tests.end_to_end.target import Request
from tests.site_door.case import DoorCase


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
