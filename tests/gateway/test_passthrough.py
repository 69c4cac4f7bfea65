"""Which connections go through to their device unopened, how, and how they end."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent

from cfos_cloud.gateway.passed_pair import (
    ANSWER_SECONDS,
    FAREWELL_SECONDS,
    HURRIED_SECONDS,
    SILENT_SECONDS,
)
from cfos_cloud.gateway.passthrough import (
    DISPENSABLE_SECONDS,
    MAX_CONNECTIONS,
    MAX_WAITING,
)
from cfos_cloud.relay.switched import HALF_CLOSED_SECONDS
from cfos_cloud.tunnel.multiplex import MAX_HELD_BYTES
from tests.gateway.passing import CLIENT, DOMAIN, Client, PassingCase, client_hello

#: Fatal alerts, each in a record of its own.
INTERNAL_ERROR = bytes.fromhex("15 0303 0002 02 50")
UNRECOGNIZED_NAME = bytes.fromhex("15 0303 0002 02 70")


class ChoiceTests(PassingCase):
    def passed(self, name: str) -> bool:
        return self.passthrough.is_passed(name.encode())

    def test_hosts_of_systems_that_are_end_to_end_are_passed(self) -> None:
        for name in ("w00-a", "W00-A", "meter--w00-a"):
            self.assertTrue(self.passed(f"{name}.{DOMAIN}"), name)

    def test_nothing_else_is(self) -> None:
        for name in (
            DOMAIN,
            f"open.{DOMAIN}",
            f"nobody.{DOMAIN}",
            f"a.w00-a.{DOMAIN}",
            "w00-a.example.org",
            "w00-a",
            "",
        ):
            self.assertFalse(self.passed(name), name)

    def test_a_device_that_is_offline_has_not_changed_its_mind(self) -> None:
        self.tunnel.cut()
        self.assertTrue(self.passed(f"w00-a.{DOMAIN}"))
        self.assertTrue(self.passed(f"w00-b.{DOMAIN}"))


class LogTests(PassingCase):
    def test_names_that_somebody_makes_up_do_not_fill_the_log(self) -> None:
        self.tunnel.cut()
        with capturedLogs() as events:
            for number in range(100):
                self.connect(f"x{number}--w00-a.{DOMAIN}")
            self.connect(f"w00-b.{DOMAIN}")
        lines = [formatEvent(event) for event in events]
        self.assertEqual(sum("not passed on" in line for line in lines), 2, lines)


class PassingTests(PassingCase):
    def test_the_device_learns_name_and_address_then_gets_every_byte(self) -> None:
        seen = client_hello("W00-A.Cloud.Example.ORG")
        client = self.connect("W00-A.Cloud.Example.ORG", b"\x17 early")
        client.send(b"more")
        self.pump()
        stream = self.stream()
        self.assertEqual(
            stream.preamble, {"kind": "tls", "sni": f"w00-a.{DOMAIN}", "client": CLIENT}
        )
        self.assertEqual(stream.tls, seen + b"\x17 early" + b"more")
        self.say(b"answer")
        self.assertEqual(client.wire.take(), b"answer")
        self.assertEqual(len(self.passthrough), 1)

    def test_each_connection_is_a_stream(self) -> None:
        clients = [self.connect(), self.connect(f"meter--w00-a.{DOMAIN}")]
        for number in range(2):
            self.say(b"%d" % number, number)
        self.assertEqual([each.wire.take() for each in clients], [b"0", b"1"])
        names = [self.stream(number).preamble["sni"] for number in range(2)]
        self.assertEqual(names, [f"w00-a.{DOMAIN}", f"meter--w00-a.{DOMAIN}"])

    def test_bytes_are_counted_when_it_is_over(self) -> None:
        client = self.connect()
        self.say(b"12345")
        self.assertEqual(self.metrics.bytes_in, 0)
        client.lose()
        self.pump()
        self.assertEqual((self.metrics.opened, self.metrics.ended), (1, 1))
        self.assertEqual(self.metrics.bytes_in, 5)
        self.assertEqual(self.metrics.bytes_out, len(client_hello()))
        self.assertEqual(len(self.passthrough), 0)
        self.assertFalse(self.metrics.refused)


class BackPressureTests(PassingCase):
    def test_a_client_that_does_not_read_stops_the_device(self) -> None:
        client = self.connect()
        self.say(b"first")
        client.protocol.pauseProducing()
        client.wire.clear()
        for _ in range(80):
            self.say(bytes(64 * 1024))
        self.assertEqual(client.wire.take(), b"")
        self.assertLessEqual(self.tunnel.at_server.buffered.size, 1024 * 1024)
        waiting = self.tunnel.at_device.core.queued(self.stream().stream.stream_id)
        self.assertGreater(waiting, 4 * 1024 * 1024)
        client.protocol.resumeProducing()
        self.pump()
        self.assertEqual(len(client.wire.take()), 80 * 64 * 1024)

    def test_a_device_that_does_not_read_stops_the_client(self) -> None:
        client = self.connect()
        self.say(b"first")
        self.stream().stream.pauseProducing()
        sent = 0
        while client.wire.reading and sent < 8 * 1024 * 1024:
            client.send(bytes(64 * 1024))
            sent += 64 * 1024
            self.pump()
        self.assertLess(sent, 1024 * 1024)
        self.stream().stream.resumeProducing()
        self.pump()
        self.assertTrue(client.wire.reading)
        self.assertEqual(len(self.stream().tls), sent + len(client_hello()))

    def test_what_all_hold_together_is_bounded(self) -> None:
        # Four systems with as many connections as they may have, of which nobody
        # reads, and devices that would send for ever.
        sent = bytes(300 * 1024)
        tunnels = [self.tunnel]
        for number in range(3):
            name = f"x-{number}"
            self.directory.systems[name] = type(self.directory.systems["w00-b"])(name)
            tunnels.append(self.come_up(name))
        clients = []
        for tunnel in tunnels:
            for _ in range(250):
                host = f"{tunnel.session.cloud_id.lower()}.{DOMAIN}"
                client = Client(self.passthrough)
                client.send(client_hello(host))
                clients.append(client)
                tunnel.pump()
                self.stream(tunnel=tunnel).stream.write(b"first")
                tunnel.pump()
                client.protocol.pauseProducing()
        self.assertEqual(len(self.passthrough), 1_000)
        for tunnel in tunnels:
            for each in tunnel.device.streams:
                each.stream.write(sent)
            tunnel.pump()
            self.assertLessEqual(tunnel.at_server.buffered.size, MAX_HELD_BYTES)
        self.assertEqual({len(each.wire.value()) for each in clients}, {5})
        for client in clients:
            client.lose()
        self.pump()
        self.assertEqual(len(self.passthrough), 0)
        self.assertEqual(
            [tunnel.at_server.buffered.size for tunnel in tunnels], [0] * 4
        )


class EndTests(PassingCase):
    def test_the_client_may_end_its_direction_alone(self) -> None:
        client = self.connect()
        self.say(b"a")
        client.fin()
        self.pump()
        self.assertTrue(self.stream().fin)
        self.say(b"b")
        self.assertEqual(client.wire.take(), b"ab")
        self.assertFalse(client.wire.ended)
        self.stream().stream.loseWriteConnection()
        self.pump()
        self.assertTrue(client.wire.disconnecting)
        self.assertFalse(client.wire.aborted)
        self.assertEqual(len(self.passthrough), 0)

    def test_the_device_may_end_its_direction_alone(self) -> None:
        client = self.connect()
        self.say(b"a")
        self.stream().stream.loseWriteConnection()
        self.pump()
        self.assertTrue(client.wire.write_ended)
        self.assertFalse(client.wire.ended)
        client.send(b"still")
        self.pump()
        self.assertTrue(self.stream().tls.endswith(b"still"))
        client.fin()
        self.pump()
        self.assertTrue(client.wire.disconnecting)
        self.assertEqual(len(self.passthrough), 0)

    def test_a_client_that_breaks_off_breaks_the_stream_off(self) -> None:
        client = self.connect()
        self.say(b"a")
        client.lose()
        self.pump()
        self.assertEqual(len(self.stream().lost), 1)
        self.assertFalse(self.stream().fin)

    def test_a_stream_that_breaks_off_breaks_the_client_off(self) -> None:
        client = self.connect()
        self.say(b"a")
        client.wire.clear()
        self.stream().reset()
        self.pump()
        # An alert would be taken for a part of what is encrypted.
        self.assertEqual(client.wire.take(), b"")
        self.assertTrue(client.wire.aborted)

    def test_with_the_tunnel_all_are_over(self) -> None:
        answered, waiting = self.connect(), self.connect()
        self.say(b"a", 0)
        waiting.wire.clear()
        self.tunnel.cut()
        self.assertTrue(answered.wire.aborted)
        self.assertEqual(waiting.wire.take(), INTERNAL_ERROR)
        self.assertEqual(len(self.passthrough), 0)

    def test_a_system_that_is_cut_off_takes_its_connections_along(self) -> None:
        for reason in ("disabled", "removed"):
            client = self.connect()
            self.say(b"a")
            self.exchange.disconnect("W00-A", reason)
            self.pump()
            self.assertTrue(client.wire.aborted, reason)
            self.tunnel = self.come_up("W00-A")

    def test_a_tunnel_that_relays_again_replaces_it_with_all_connections(self) -> None:
        client = self.connect()
        self.say(b"a")
        self.come_up("W00-A", capabilities=["http"])
        self.pump()
        self.assertTrue(client.wire.aborted)

    def test_one_direction_ended_and_nothing_in_the_other(self) -> None:
        client = self.connect()
        self.say(b"a")
        client.fin()
        self.advance(HALF_CLOSED_SECONDS - 10)
        self.assertFalse(client.wire.aborted)
        self.advance(10)
        self.assertTrue(client.wire.aborted)

    def test_an_hour_without_a_byte(self) -> None:
        client = self.connect()
        self.say(b"a")
        self.advance(SILENT_SECONDS - 10)
        client.send(b"still here")
        self.pump()
        self.advance(SILENT_SECONDS - 10)
        self.say(b"here, too")
        self.advance(SILENT_SECONDS - 10)
        self.assertFalse(client.wire.aborted)
        self.advance(20)
        self.assertTrue(client.wire.aborted)
        self.assertEqual(len(self.stream().lost), 1)
        self.assertEqual(len(self.passthrough), 0)

    def test_a_server_that_stops_lets_finish_what_moves(self) -> None:
        moving, resting, waiting = (self.connect() for _ in range(3))
        self.say(b"a", 0)
        self.say(b"a", 1)
        waiting.wire.clear()
        self.passthrough.close_when_idle()
        for _ in range(5):
            self.clock.advance(HURRIED_SECONDS * 0.8)
            self.say(b"a", 0)
        self.assertTrue(resting.wire.aborted)
        self.assertEqual(waiting.wire.take(), INTERNAL_ERROR)
        self.assertFalse(moving.wire.aborted)
        late = self.connect()
        self.assertEqual(late.wire.take(), UNRECOGNIZED_NAME)
        self.clock.advance(HURRIED_SECONDS)
        self.assertTrue(moving.wire.aborted)


class RefusalTests(PassingCase):
    def assert_turned_away(self, client: Client, alert: bytes) -> None:
        self.assertEqual(client.wire.take(), alert)
        # The end of our direction, so that the alert is read before it all ends.
        self.assertTrue(client.wire.write_ended)
        self.assertFalse(client.wire.ended)
        client.send(b"more of the handshake")
        self.assertEqual(client.wire.take(), b"")
        client.fin()
        self.assertTrue(client.wire.disconnecting)
        client.lose(clean=True)

    def test_nobody_is_there(self) -> None:
        client = self.connect(f"w00-b.{DOMAIN}")
        self.assert_turned_away(client, UNRECOGNIZED_NAME)
        self.assertEqual(self.metrics.refused, {"offline": 1})
        self.assertEqual(self.metrics.opened, 0)

    def test_a_tunnel_that_does_not_take_tls_is_not_asked(self) -> None:
        tunnel = self.come_up("W00-B", capabilities=["http", "tls"])
        client = self.connect(f"w00-b.{DOMAIN}")
        self.assert_turned_away(client, UNRECOGNIZED_NAME)
        self.assertEqual(tunnel.device.streams, [])

    def test_the_device_resets_the_stream(self) -> None:
        client = self.connect()
        self.stream().reset()
        self.pump()
        self.assert_turned_away(client, INTERNAL_ERROR)
        self.assertEqual(self.metrics.refused, {"no answer": 1})

    def test_the_device_ends_the_stream_without_a_word(self) -> None:
        client = self.connect()
        self.stream().stream.loseConnection()
        self.pump()
        self.assert_turned_away(client, INTERNAL_ERROR)

    def test_the_device_is_silent(self) -> None:
        client = self.connect()
        client.send(b"and waits")
        self.advance(ANSWER_SECONDS - 10)
        self.assertEqual(client.wire.take(), b"")
        self.advance(10)
        self.assertEqual(len(self.stream().lost), 1)
        self.assert_turned_away(client, INTERNAL_ERROR)

    def test_a_client_that_leaves_first_is_no_refusal(self) -> None:
        client = self.connect()
        client.lose()
        self.pump()
        self.assertFalse(self.metrics.refused)

    def test_who_does_not_go_is_cut(self) -> None:
        client = self.connect(f"w00-b.{DOMAIN}")
        self.clock.advance(FAREWELL_SECONDS)
        self.assertTrue(client.wire.aborted)

    def test_the_tunnel_takes_no_more_streams(self) -> None:
        self.tunnel.session._dead = True
        client = self.connect()
        self.assert_turned_away(client, INTERNAL_ERROR)
        self.clock.advance(SILENT_SECONDS)
        self.assertEqual(self.metrics.refused, {"no stream": 1})

    def test_nothing_is_left_behind(self) -> None:
        client = self.connect(f"w00-b.{DOMAIN}")
        client.fin()
        client.lose(clean=True)
        other = self.connect()
        other.lose()
        self.pump()
        self.tunnel.cut()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BoundTests(PassingCase):
    def fill(self, count: int) -> list[Client]:
        clients = []
        for _ in range(count):
            clients.append(self.connect())
            self.say(b"a")
        return clients

    def test_so_many_may_wait_for_the_device(self) -> None:
        waiting = [self.connect() for _ in range(MAX_WAITING)]
        self.assertEqual(self.connect().wire.take(), INTERNAL_ERROR)
        self.assertEqual(self.metrics.refused, {"too many wait": 1})
        self.say(b"a", 0)
        self.assertEqual(self.connect().wire.take(), b"")
        self.assertEqual({each.wire.take() for each in waiting}, {b"a", b""})

    def test_so_many_connections_has_a_system(self) -> None:
        clients = self.fill(MAX_CONNECTIONS)
        self.assertEqual(self.connect().wire.take(), INTERNAL_ERROR)
        self.assertEqual(self.metrics.refused, {"too many": 1})
        clients[0].lose()
        self.pump()
        self.assertEqual(self.connect().wire.take(), b"")

    def test_one_that_rests_makes_room(self) -> None:
        clients = self.fill(MAX_CONNECTIONS)
        self.clock.advance(DISPENSABLE_SECONDS / 2)
        clients[0].send(b"busy")
        self.clock.advance(DISPENSABLE_SECONDS / 2)
        self.pump()
        self.assertEqual(self.connect().wire.take(), b"")
        self.assertFalse(clients[0].wire.aborted)
        self.assertEqual(sum(each.wire.aborted for each in clients), 1)
        self.assertEqual(len(self.passthrough), MAX_CONNECTIONS)

    def test_other_systems_have_their_own(self) -> None:
        self.fill(MAX_CONNECTIONS)
        self.come_up("W00-B")
        self.assertEqual(self.connect(f"w00-b.{DOMAIN}").wire.take(), b"")
