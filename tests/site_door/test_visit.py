"""A visit through the door: log-in, device, log-out; what the server reads of it."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from cfos_cloud.device.tunnel import SEALED_CAPABILITIES
from cfos_cloud.tunnel.control import UNKNOWN_METHOD, RpcError
from tests.device.tunnel_server import CLOUD_ID
from tests.end_to_end import websocket
from tests.end_to_end.blocks import blocks
from tests.end_to_end.client import LOGIN, Client, Wire
from tests.end_to_end.target import Request
from tests.site_door.case import ADMIN, DoorCase, reactor
from tests.site_door.server import HOST, BrowserPort

PAGE = b"canary of the device's page"
SENT = b"canary of an upload"


def device_page(request: Request) -> None:
    for _ in request.body():
        pass
    request.respond("200 OK", "Set-Cookie: canary-of-a-cookie=1", body=PAGE)


class VisitTests(DoorCase):
    async def test_nobody_in_between_reads_page_or_secret(self) -> None:
        self.target.routes["/page"] = device_page
        await self.start()
        browser = self.browser()

        def visit() -> list[bytes]:
            failed = browser.log_in(CLOUD_ID, "a canary of a guess", as_admin=True)
            self.assertEqual(failed.status, 401)
            page = browser.get(LOGIN)
            self.assertIn(b"compare the fingerprint", page.body)
            self.assertEqual(browser.get("/page").status, 303)
            browser.log_in(CLOUD_ID, ADMIN, as_admin=True)
            answer = browser.request("POST", "/page?canary-query=1", SENT)
            self.assertEqual(answer.body, PAGE)
            ours = [n for n in browser.cookies if n.startswith("__Host-cfos")]
            secrets = [browser.cookies[name].encode() for name in ours]
            browser.log_out()
            self.assertEqual(browser.get("/page").status, 303)
            return secrets

        secrets = await deferToThread(visit)
        self.assertGreaterEqual(len(secrets), 3)
        # Before that it was the server itself that was talked to.
        _, hello, heard = bytes(self.heard).partition(b'"hello"')
        self.assertTrue(hello)
        self.assertIn(b'"mode":"end-to-end"', heard)
        self.assertGreater(len(heard), 20_000)
        pages = (b"canary", b"fingerprint", b"cloud-login", b"<html", b"HTTP/1.1 ")
        found = [each for each in (*secrets, *pages) if each in heard]
        self.assertEqual(found, [])

    async def test_the_server_is_told_what_it_may_know_and_refused_the_rest(
        self,
    ) -> None:
        await self.start()
        server = self.servers[-1]
        [hello] = server.hellos
        self.assertEqual(hello["mode"], "end-to-end")
        self.assertEqual(hello["capabilities"], list(SEALED_CAPABILITIES))
        control = server.control
        assert control is not None
        params: dict[str, object] = {
            "role": "admin",
            "secret": ADMIN,
            "client": "192.0.2.1",
            "ttl": 600,
        }
        for method in ("login", "authorize"):
            with self.assertRaises(RpcError) as refused:
                await control.request(method, params, 5.0)
            self.assertEqual(refused.exception.code, UNKNOWN_METHOD)

    async def test_the_device_sees_what_it_would_see_by_the_server(self) -> None:
        await self.start()
        browser = await self.logged_in(source="127.0.0.9")
        answer = await deferToThread(browser.get, "/echo", ("Cfos-User", "made up"))
        lines = answer.body.decode().split("\r\n")
        self.assertIn(f"Host: {self.target.authority}", lines)
        self.assertIn("Cfos-Role: admin", lines)
        self.assertNotIn("Cfos-User: made up", lines)
        self.assertIn("X-Forwarded-For: 127.0.0.9", lines)
        self.assertIn(f"X-Forwarded-Host: {HOST}", lines)
        self.assertIn(f"Cfos-Cloud: https://{HOST}/ui/en/cloud-login.htm", lines)
        # Ours stay with us.
        self.assertNotIn("__Host-cfos", answer.body.decode())

    async def test_other_sites_can_not_use_the_session(self) -> None:
        await self.start()
        browser = await self.logged_in()
        answer = await deferToThread(
            browser.get, "/cnf?cmd=set", ("Sec-Fetch-Site", "cross-site")
        )
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.target.paths(), [])

    async def test_another_cloud_id_is_nobody_s(self) -> None:
        await self.start()
        browser = self.browser()
        answer = await deferToThread(browser.log_in, "Other-1", ADMIN, as_admin=True)
        self.assertEqual(answer.status, 401)

    async def test_the_form_is_for_this_system(self) -> None:
        await self.start()
        page = await deferToThread(self.browser().get, LOGIN)
        self.assertRegex(
            page.body.decode(),
            rf'name="cloud_id"[^>]* value="{CLOUD_ID}"[^>]* readonly',
        )

    async def test_who_guesses_has_to_wait(self) -> None:
        await self.start()

        def guess() -> list[int]:
            # All is ready beforehand, for debts fade.
            clients = [self.browser() for _ in range(8)]
            tokens = [_form_of(client) for client in clients]
            connections = [client.connection() for client in clients]

            def send(number: int, secret: str) -> None:
                form = {
                    "csrf": tokens[number],
                    "cloud_id": CLOUD_ID,
                    "cloud_user_id": secret,
                    "admin": "1",
                }
                clients[number].send(
                    connections[number],
                    "POST",
                    LOGIN,
                    urlencode(form).encode(),
                    [("Content-Type", "application/x-www-form-urlencoded")],
                )

            for number in range(7):
                send(number, "guess")
            found = [clients[n].receive(connections[n]).status for n in range(7)]
            send(7, ADMIN)
            found.append(clients[7].receive(connections[7]).status)
            for connection in connections:
                connection.close()
            return found

        statuses = await deferToThread(guess)
        self.assertEqual(statuses[-1], 429)
        self.assertIn(401, statuses)

    async def test_a_tunnel_can_not_be_opened_here(self) -> None:
        await self.start()
        answer = await deferToThread(
            self.browser().get,
            "/cloud/tunnel",
            ("Connection", "Upgrade"),
            ("Upgrade", "cfos-tunnel/1"),
        )
        self.assertEqual(answer.status, 404)

    async def test_assets_of_the_page_are_here_and_nothing_of_the_operator_s(
        self,
    ) -> None:
        await self.start()
        browser = self.browser()

        def look() -> None:
            page = browser.get(LOGIN).body.decode()
            [style] = [
                part.partition('"')[0]
                for part in page.split('href="')
                if ".css" in part.partition('"')[0]
            ]
            self.assertEqual(browser.get(style).status, 200)
            for path in ("/cloud/api/v1/systems", "/cloud/metrics", "/cloud/x"):
                self.assertEqual(browser.get(path).status, 404, path)
            self.assertEqual(browser.get("/ui/en/cloud-admin.htm").status, 404)

        await deferToThread(look)


class BytesTests(DoorCase):
    """Whatever passes, passes bit for bit."""

    SIZE = 5_000_000

    async def test_downloads_and_uploads(self) -> None:
        await self.start()
        browser = await self.logged_in()

        def transfer() -> None:
            whole = b"".join(blocks(self.SIZE))
            for path in ("/sized", "/chunked", "/until-close"):
                answer = browser.get(f"{path}?n={self.SIZE}")
                self.assertEqual(
                    hashlib.sha256(answer.body).digest(),
                    hashlib.sha256(whole).digest(),
                    path,
                )
            digest = hashlib.sha256(whole).hexdigest()
            uploaded = browser.request("PUT", "/echo", whole)
            self.assertEqual(uploaded.field("X-Body-Hash"), digest)
            uploaded = browser.request("PUT", "/echo", blocks(self.SIZE))
            self.assertEqual(uploaded.field("X-Body-Hash"), digest)

        await deferToThread(transfer)

    async def test_a_reader_that_rests_stops_the_device(self) -> None:
        await self.start()
        browser = await self.logged_in()
        sent = 0

        def endless_body(request: Request) -> None:
            nonlocal sent
            request.begin("200 OK", "Connection: close")
            while True:
                request.send(b"x" * 100_000)
                sent += 100_000

        self.target.routes["/flood"] = endless_body

        def ask() -> Wire:
            wire = browser.wire()
            wire.send(browser.head("GET", "/flood"))
            wire.read_head()
            return wire

        wire = await deferToThread(ask)
        for _ in range(20):
            before = sent
            await deferLater(reactor, 0.5)
            if before == sent:
                break
        else:
            self.fail(f"{sent} bytes, and it goes on")
        wire.close()

    async def test_a_websocket(self) -> None:
        await self.start()
        browser = await self.logged_in()

        def talk() -> None:
            wire = browser.wire()
            key = websocket.new_key()
            wire.send(
                browser.head(
                    "GET",
                    "/websocket",
                    [
                        ("Connection", "Upgrade"),
                        ("Upgrade", "websocket"),
                        ("Sec-WebSocket-Key", key),
                        ("Sec-WebSocket-Version", "13"),
                        ("Origin", f"https://{HOST}"),
                    ],
                )
            )
            status, fields = wire.read_head()
            self.assertEqual(status, 101, fields)
            reader = websocket.Reader(wire.read_some)
            for size in (0, 5, 70_000):
                message = b"m" * size
                wire.send(websocket.frame(websocket.BINARY, message, masked=True))
                self.assertEqual(reader.read_frame(), (websocket.BINARY, message))
            wire.close()

        await deferToThread(talk)


def _form_of(client: Client) -> str:
    page = client.get(LOGIN).body.decode()
    return page.partition('name="csrf" value="')[2].partition('"')[0]


class HostileServerTests(DoorCase):
    """What a server says of a client is written into requests that people send."""

    async def test_a_server_adds_nothing_to_what_a_person_asks_for(self) -> None:
        await self.start()
        browser = await self.logged_in()
        for client in (
            "1\r\n\r\nGET /cnf?cmd=reset HTTP/1.1\r\nHost: a\r\nX:",
            "192.0.2.1\r\nX-Canary: 1",
            "192.0.2.1, 127.0.0.1",
            "192.0.2.1;host=evil",
            "fe80::1%\r\nX-Canary: 1",
        ):
            ports = BrowserPort(lambda: self.servers[-1], self.heard, client=client)
            liar = Client(self._listen(ports), authority=HOST)
            liar.cookies = dict(browser.cookies)
            try:
                await deferToThread(liar.get, "/page")
            except OSError:
                """It is not let in at all."""
        seen = [request.target for request in self.target.requests]
        self.assertEqual([each for each in seen if "reset" in each], [])
        for request in self.target.requests:
            self.assertIsNone(request.field("X-Canary"))
            self.assertEqual(request.field("X-Forwarded-For"), "127.0.0.1")
