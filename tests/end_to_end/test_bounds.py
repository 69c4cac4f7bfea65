"""A server whose places are taken: who still gets in, and what the operator is told."""

from __future__ import annotations

import base64
import select
import socket
import time

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.daemons import OPERATOR_PASSWORD
from tests.end_to_end.processes import wait_until

#: Places in all, and of one source.
PLACES, PER_SOURCE = 32, 8
#: Seconds in which a connection that finds no place has been closed.
SETTLED = 0.5


class FullTests(EndToEndTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.full = self.make_server(
            f"--max-connections={PLACES}", f"--max-connections-per-source={PER_SOURCE}"
        )

    def hold(self, *sources: str) -> list[socket.socket]:
        """
        Silent connections from these addresses, twice as many as one may have of
        each: those that stay open.
        """
        place = (self.full.host, self.full.port)
        found = [
            socket.create_connection(place, 10, (source, 0))
            for source in sources
            for _ in range(2 * PER_SOURCE)
        ]
        for connection in found:
            self.addCleanup(connection.close)
        time.sleep(SETTLED)
        ended, _, _ = select.select(found, [], [], 0)
        return [connection for connection in found if connection not in ended]

    def metrics(self) -> dict[str, float]:
        credentials = base64.b64encode(f"admin:{OPERATOR_PASSWORD}".encode()).decode()
        fields = [("Authorization", f"Basic {credentials}")]
        answer = self.full.client().request("GET", "/cloud/metrics", b"", fields)
        self.assertEqual(answer.status, 200)
        lines = answer.body.decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}

    def is_served(self, source: str) -> bool:
        try:
            client = self.full.client(source=source)
            return client.request("GET", "/cloud/health").status == 200
        except OSError:
            return False

    def test_strangers_are_turned_away_device_ends_and_the_operator_are_not(
        self,
    ) -> None:
        site = self.make_site(server=self.full)
        kept = self.hold("127.99.0.1")
        self.assertEqual(len(kept), PER_SOURCE)
        self.assertFalse(self.is_served("127.99.0.1"))
        self.assertTrue(self.is_served("127.99.0.2"))
        kept += self.hold(*(f"127.99.1.{number}" for number in range(1, 40)))
        self.assertFalse(self.is_served("127.99.0.2"))
        # From this very machine come the operator, and a device end once more.
        metrics = self.metrics()
        self.assertGreaterEqual(metrics["cfos_cloud_connections"], PLACES)
        self.assertEqual(metrics["cfos_cloud_connections_limit"], PLACES)
        for bound in ("source", "total"):
            self.assertGreater(metrics[f'cfos_cloud_shed_total{{bound="{bound}"}}'], 5)
        site.device.process.kill()
        site.device.restart()
        for connection in kept:
            connection.close()
        wait_until(lambda: self.is_served("127.99.0.2"), "there is room again")
        log = self.full.process.log
        self.assertIn("no room for a connection of 127.99.0.1", log)
        self.assertLess(log.count("no room for a connection"), 5)
