"""How both daemons end."""

from __future__ import annotations

import signal
import time
from queue import SimpleQueue

from tests.end_to_end.blocks import blocks, digest
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.processes import PATIENCE, wait_until
from tests.end_to_end.target import Request

#: twistd ends by the signal that told it to, which systemd takes for success, too.
IN_ORDER = (0, -signal.SIGTERM)
#: Seconds that the server gives to requests under way, and to everything together.
GRACE = 10
SERVER_SECONDS = 25
DEVICE_SECONDS = 5


class ServerStopTests(EndToEndTestCase):
    def test_what_runs_may_finish_within_the_grace_and_nothing_new_begins(
        self,
    ) -> None:
        go: SimpleQueue[None] = SimpleQueue()
        size = 4_000_000

        def half_way(request: Request) -> None:
            request.begin("200 OK", f"Content-Length: {size}")
            data = b"".join(blocks(size))
            request.send(data[: size // 2])
            go.get(timeout=PATIENCE)
            request.send(data[size // 2 :])

        server = self.make_server()
        site = self.make_site(server=server)
        site.target.routes["/half-way"] = half_way
        client = site.device.client()

        idle = self.begin("/status?is=204", client=client)
        running = self.begin("/half-way", client=client)
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "x")]
        stubborn = [
            self.open_stream(client),
            self.begin("/upgrade", upgrade, client=client),
        ]
        for wire in (idle, running, stubborn[1]):
            wire.read_head()
        data = running.read(size // 2)

        told = time.monotonic()
        server.process.signal(signal.SIGTERM)
        self.assertEqual(idle.read_all(), b"")
        self.assertRaises(ConnectionError, client.connect)
        go.put(None)
        data += running.read(size - size // 2)
        self.assertEqual(digest([data]), digest(blocks(size)))
        # What never ends gets as long, and no longer.
        self.assertIn(server.process.wait(SERVER_SECONDS), IN_ORDER)
        self.assertGreater(time.monotonic() - told, GRACE - 1)
        for wire in stubborn:
            wire.read_all()
        self.assertNotIn("error", server.process.log)
        # Devices were told, and come back by themselves.
        site.device.process.wait_for_log("is going down; next try in ")
        server.restart()
        site.device.wait_online(times=2)
        self.assertEqual(site.device.client().get("/").status, 200)

    def test_it_waits_for_no_longer_than_what_runs(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        go: SimpleQueue[None] = SimpleQueue()

        def late(request: Request) -> None:
            go.get(timeout=PATIENCE)
            request.respond("200 OK", body=b"late")

        site.target.routes["/late"] = late
        client = site.device.client()
        connection = client.connection()
        client.send(connection, "GET", "/late")
        site.target.wait_for("/late")
        server.process.signal(signal.SIGTERM)
        server.process.wait_for_log("Received SIGTERM")
        go.put(None)
        self.assertEqual(client.receive(connection).body, b"late")
        connection.close()
        self.assertIn(server.process.wait(GRACE - 2), IN_ORDER)

    def test_without_anybody_it_is_quick(self) -> None:
        server = self.make_server()
        self.assertIn(server.process.stop(DEVICE_SECONDS), IN_ORDER)


class DeviceEndStopTests(EndToEndTestCase):
    def test_it_is_quick_whatever_runs(self) -> None:
        def no_answer(request: Request) -> None:
            request.wait_for_close()

        site = self.make_site()
        site.target.routes["/no-answer"] = no_answer
        client = site.device.client()
        endless = self.open_stream(client)
        waiting = self.begin("/no-answer", client=client)
        running = self.begin(f"/sized?n={1 << 28}", client=client)
        site.target.wait_for("/no-answer")
        running.read(100_000)
        self.assertIn(site.device.process.stop(DEVICE_SECONDS), IN_ORDER)
        wait_until(
            lambda: not self.server.is_online(site.device.cloud_id), "it is offline"
        )
        self.assertRegex(waiting.read_until(b"\r\n"), b"50[23] ")
        self.assertLess(len(running.read_all()), 1 << 28)
        self.assertEqual(endless.read_all(), b"")

    def test_it_is_so_while_it_waits_for_its_next_try(self) -> None:
        server = self.make_server()
        site = self.make_site(server=server)
        server.process.kill()
        site.device.process.wait_for_log("next try in ")
        self.assertIn(site.device.process.stop(DEVICE_SECONDS), IN_ORDER)
