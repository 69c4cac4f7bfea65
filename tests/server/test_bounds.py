"""What the server holds at most: who is known, who was turned away, what is told."""

from __future__ import annotations

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from cfos_cloud.gateway.client import parse_network
from cfos_cloud.listener.places import Place, Room
from cfos_cloud.server.bounds import MIB, STRANGERS_SHARE, Bounds
from cfos_cloud.tunnel.exchange import Exchange
from tests.listener.fake_socket import FakeSocket
from tests.registry.support import RegistryCase, verifier
from tests.tunnel.support import make_tunnel


class BoundsTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.time = Clock()
        self.exchange = Exchange()
        networks = [parse_network("10.0.0.0/8")]
        self.bounds = Bounds(Room(16, 4, 4, 2), 16, networks, self.time.seconds)
        self.systems.subscribe(self.bounds.system_changed)

    def fill(self) -> list[Place]:
        found = (self.bounds.places.take(f"203.0.113.{n}") for n in range(40))
        return [place for place in found if place is not None]

    def gauge(self, name: str) -> float:
        return self.bounds.gauges[name][1]()

    def test_who_has_had_a_tunnel_gets_in_although_it_is_full(self) -> None:
        self.bounds.follow([], self.exchange)
        self.fill()
        self.assertIsNone(self.bounds.places.take("192.0.2.7"))
        make_tunnel(self.time, self.exchange, "W00-A", "192.0.2.7")
        self.assertIsNotNone(self.bounds.places.take("192.0.2.7"))

    def test_so_does_who_had_one_before_the_server_was_started_anew(self) -> None:
        class Seen:
            cloud_id = "W00-A"
            client = "192.0.2.7"

        class Unseen:
            cloud_id = "W00-B"
            client = None

        self.bounds.follow([Seen(), Unseen()], self.exchange)
        self.fill()
        self.assertIsNotNone(self.bounds.places.take("192.0.2.7"))

    def test_but_not_by_a_system_that_was_removed(self) -> None:
        self.successResultOf(self.systems.add("W00-A", verifier()))
        self.bounds.follow(self.systems, self.exchange)
        make_tunnel(self.time, self.exchange, "W00-A", "192.0.2.7")
        self.successResultOf(self.systems.remove("W00-A"))
        self.fill()
        self.assertIsNone(self.bounds.places.take("192.0.2.7"))

    def test_a_trusted_proxy_is_no_source(self) -> None:
        taken = [self.bounds.places.take("10.1.2.3") for _ in range(16)]
        self.assertNotIn(None, taken)

    def test_nor_is_a_socket_without_addresses(self) -> None:
        taken = [self.bounds.places.take("") for _ in range(16)]
        self.assertNotIn(None, taken)

    def test_the_log_tells_what_there_is_room_for_and_when_that_is_too_little(
        self,
    ) -> None:
        for systems, lines in ((2, 1), (3, 2)):
            with capturedLogs() as events:
                self.bounds.tell(systems)
            self.assertEqual(len(events), lines)
        self.assertIn("room for 16 connections and 2", formatEvent(events[0]))
        self.assertIn("LimitNOFILE", formatEvent(events[1]))

    def test_the_operator_s_port_has_its_own_places(self) -> None:
        self.fill()
        self.assertIsNotNone(self.bounds.admin_places.take("192.0.2.7"))

    def test_the_metrics_tell_what_there_is_and_what_may_be(self) -> None:
        places = self.fill()
        places[0].occupied_by(FakeSocket(Protocol()))
        places[0].unread(1_000)
        places[1].become_tunnel("203.0.113.1", self.bounds.buffered)
        self.assertEqual(self.gauge("connections"), 15)
        self.assertEqual(self.gauge("connections_limit"), 16)
        self.assertEqual(self.gauge("tunnels_limit"), 2)
        self.assertEqual(self.gauge("buffered_bytes"), 1_000)
        self.assertEqual(self.gauge("buffered_strangers_bytes"), 1_000)
        self.assertEqual(self.gauge("buffered_limit_bytes"), 16 * MIB)

    def test_whom_a_bound_has_hit_is_counted_and_told_now_and_then(self) -> None:
        places = self.fill()
        with capturedLogs() as events:
            for place in places[:6]:
                place.occupied_by(FakeSocket(Protocol()))
                place.unread(MIB)
        self.assertEqual(
            self.bounds.refusals(), {"source": 0, "total": 24, "tunnels": 0, "bytes": 2}
        )
        self.assertEqual(self.gauge("buffered_bytes"), 16 * MIB // STRANGERS_SHARE)
        [line] = [formatEvent(event) for event in events]
        self.assertIn("4 MiB may", line)
