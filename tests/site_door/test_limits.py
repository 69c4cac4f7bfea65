"""A small machine's limits: who asks for too much is kept out, the others are not."""

from __future__ import annotations

import json
import ssl
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.site_door import limits
from cfos_cloud.site_door.connections import HEAD_SECONDS, Connections, address_of
from cfos_cloud.site_door.limits import (
    BURST,
    BURST_OF_ALL,
    MAX_CONNECTIONS,
    MAX_KNOWN,
    MAX_PER_SOURCE,
    PER_SECOND,
    PER_SECOND_OF_ALL,
    HandshakeLimits,
)
from tests.device.tunnel_server import CLOUD_ID
from tests.end_to_end.client import LOGIN, Client, Wire
from tests.end_to_end.target import endless
from tests.site_door.case import ADMIN, DoorCase
from tests.site_door.server import HOST


class HandshakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limits = HandshakeLimits(self.clock.seconds)

    def admitted(self, client: str, count: int) -> int:
        return sum(self.limits.admit(client) for _ in range(count))

    def test_a_source_may_begin_so_many_at_once_and_then_so_many_a_second(self) -> None:
        self.assertEqual(self.admitted("192.0.2.1", 100), BURST)
        self.clock.advance(1.01)
        self.assertEqual(self.admitted("192.0.2.1", 100), PER_SECOND)

    def test_one_that_asks_for_many_keeps_out_nobody_else(self) -> None:
        self.admitted("192.0.2.1", 10_000)
        self.assertEqual(self.admitted("192.0.2.2", 6), 6)

    def test_a_household_s_ipv6_addresses_are_one_source(self) -> None:
        found = sum(self.admitted(f"2001:db8::{n:x}", 1) for n in range(100))
        self.assertEqual(found, BURST)

    def test_all_together_have_a_limit_too(self) -> None:
        found = sum(self.admitted(f"192.0.2.{n}", 10) for n in range(100))
        self.assertEqual(found, BURST_OF_ALL)
        self.clock.advance(1.01)
        found = sum(self.admitted(f"198.51.100.{n}", 10) for n in range(100))
        self.assertEqual(found, PER_SECOND_OF_ALL)

    def test_strangers_do_not_keep_out_who_came_in_before(self) -> None:
        self.limits.let_in("203.0.113.7")
        for _ in range(10):
            for number in range(100):
                self.admitted(f"192.0.2.{number}", 10)
            self.assertEqual(self.admitted("198.51.100.1", 1), 0)
            self.assertEqual(self.admitted("203.0.113.7", 2), 2)
            self.clock.advance(1.0)

    def test_nor_may_they_begin_more_than_others(self) -> None:
        self.limits.let_in("203.0.113.7")
        self.assertEqual(self.admitted("203.0.113.7", 100), BURST)

    def test_the_latest_of_them_are_remembered(self) -> None:
        self.limits.let_in("203.0.113.7")
        for number in range(MAX_KNOWN):
            self.limits.let_in(f"203.0.{number}.8")
        for number in range(100):
            self.admitted(f"192.0.2.{number}", 10)
        self.assertEqual(self.admitted("203.0.113.7", 1), 0)
        self.assertEqual(self.admitted("203.0.1.8", 1), 1)


class Watcher(Protocol):
    """Says why its stream ended, and all that came before."""

    def __init__(self, line: dict[str, object], rest: bytes = b"") -> None:
        self.said = json.dumps(line).encode() + b"\n" + rest
        self.received = b""
        self.lost: Failure | None = None

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self.said)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class EntranceTests(DoorCase):
    async def reset(self, line: dict[str, object], rest: bytes = b"") -> None:
        multiplexed = self.servers[-1].multiplexed
        assert multiplexed is not None
        watcher = Watcher(line, rest)
        multiplexed.open_stream(watcher)
        await self.until(lambda: watcher.lost is not None)
        self.assertEqual(watcher.received, b"")

    async def test_a_stream_in_clear_is_reset_even_with_a_grant_that_is_good(
        self,
    ) -> None:
        await self.start()
        await self.logged_in()
        grant = next(iter(self.end.grants._grants))
        await self.reset(
            {
                "kind": "http",
                "grant": grant,
                "client": "192.0.2.1",
                "scheme": "https",
                "host": HOST,
            },
            b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        self.assertNotIn("/page", self.target.paths())

    async def test_what_makes_no_sense_is_reset(self) -> None:
        await self.start()
        lines: tuple[dict[str, object], ...] = (
            {"kind": "tls"},
            {"kind": "tls", "sni": "", "client": "192.0.2.1"},
            {"kind": "tls", "sni": 5, "client": "192.0.2.1"},
            {"kind": "tls", "sni": HOST, "client": "x" * 65},
            {"kind": "tls", "sni": "other.cloud.example", "client": "192.0.2.1"},
            {"kind": "other"},
            {"x": "y" * 5000},
        )
        for line in lines:
            await self.reset(line)

    async def test_plain_http_inside_is_cut(self) -> None:
        await self.start()

        def ask() -> bytes:
            wire = self.browser(tls=False).wire()
            wire.send(b"GET /ui/en/cloud-login.htm HTTP/1.1\r\nHost: x\r\n\r\n")
            found = wire.read_all()
            wire.close()
            return found

        self.assertNotIn(b"HTTP/1.1", await deferToThread(ask))


class ConnectionTests(DoorCase):
    async def test_those_that_rest_make_room_and_those_at_work_do_not(self) -> None:
        self.target.routes["/endless"] = endless
        await self.start()
        browser = await self.logged_in(source="127.0.0.7")
        stack = ExitStack()
        self.addCleanup(stack.close)

        def connect(client: Client) -> Wire:
            wire = client.wire()
            stack.callback(wire.close)
            return wire

        def work(client: Client) -> Wire:
            wire = connect(client)
            wire.send(client.head("GET", "/endless"))
            wire.read_until(b"data: 1\n\n")
            return wire

        def fill() -> None:
            for _ in range(3):
                work(browser)
            resting = [connect(browser) for _ in range(MAX_PER_SOURCE - 3)]
            self.assertEqual(browser.get(LOGIN).status, 200)
            self.assertEqual(resting[0].read_all(), b"")

        await deferToThread(fill)
        self.assertLessEqual(len(self.door.connections), MAX_PER_SOURCE)

    async def test_where_all_are_at_work_one_more_is_refused_and_others_are_not(
        self,
    ) -> None:
        await self.start()
        one = self.browser(source="127.0.0.7")
        stack = ExitStack()
        self.addCleanup(stack.close)

        def fill() -> None:
            for _ in range(MAX_PER_SOURCE):
                wire = one.wire()
                stack.callback(wire.close)
                # A log-in whose body does not come.
                wire.send(
                    one.head("POST", LOGIN, [("Content-Length", "10")]) + b"12345"
                )
            with self.assertRaises((ssl.SSLError, OSError)):
                # The last may not have been read yet.
                for _ in range(3):
                    stack.callback(one.wire().close)
            other = self.browser(source="127.0.0.8")
            self.assertEqual(other.get(LOGIN).status, 200)

        await deferToThread(fill)
        self.assertLessEqual(len(self.door.connections), MAX_PER_SOURCE + 1)

    async def test_strangers_at_work_keep_out_nobody_who_comes_from_elsewhere(
        self,
    ) -> None:
        self.target.routes["/endless"] = endless
        await self.start()
        owner = await self.logged_in(source="127.0.0.7")
        stack = ExitStack()
        self.addCleanup(stack.close)

        def fill() -> None:
            works = owner.wire()
            stack.callback(works.close)
            works.send(owner.head("GET", "/endless"))
            works.read_until(b"data: 1\n\n")
            rest = MAX_CONNECTIONS - MAX_PER_SOURCE - 1
            for source, count in (("127.0.0.8", MAX_PER_SOURCE), ("127.0.0.9", rest)):
                stranger = self.browser(source=source)
                for _ in range(count):
                    wire = stranger.wire()
                    stack.callback(wire.close)
                    half = stranger.head("POST", LOGIN, [("Content-Length", "10")])
                    wire.send(half + b"12345")
            somebody = self.browser(source="127.0.0.10")
            answer = somebody.log_in(CLOUD_ID, ADMIN, as_admin=True)
            self.assertEqual(answer.status, 303)

        await deferToThread(fill)
        grant = next(iter(self.end.grants._grants.values()))
        self.assertEqual(len(grant.streams), 1)
        self.assertLessEqual(len(self.door.connections), MAX_CONNECTIONS)

    async def test_a_flood_from_many_addresses_leaves_the_way_to_who_came_in_before(
        self,
    ) -> None:
        # None comes back while this lasts, however slow the machine is.
        self.patch(limits, "PER_SECOND_OF_ALL", 0.001)
        await self.start()
        owner = await self.logged_in(source="127.0.0.7")

        def go() -> None:
            self.assertEqual(owner.get("/").status, 200)
            for number in range(4):
                flood = self.browser(source=f"127.0.1.{number}", tls=False)
                for _ in range(BURST):
                    plain = flood.connect()
                    plain.sendall(b"\x16\x03\x01\x02\x00\x01")
                    plain.close()
            with self.assertRaises((ssl.SSLError, OSError)):
                self.browser(source="127.0.0.8").get(LOGIN)
            self.assertEqual(owner.get("/").status, 200)

        await deferToThread(go)

    async def test_a_flood_of_handshakes_leaves_tunnel_and_others_alone(self) -> None:
        await self.start()
        flood = self.browser(source="127.0.0.7", tls=False)

        def go() -> None:
            for _ in range(300):
                plain = flood.connect()
                plain.sendall(b"\x16\x03\x01\x02\x00\x01")
                plain.close()
            self.assertEqual(self.browser().get(LOGIN).status, 200)

        await deferToThread(go)
        self.assertEqual(len(self.servers), 1)
        self.assertFalse(self.servers[0].lost)
        await self.until(lambda: len(self.door.connections) <= 1)
        lines = [line for line in self.log.splitlines() if "one after another" in line]
        self.assertEqual(len(lines), 1, lines)


class UnfinishedTests(DoorCase):
    async def test_the_end_may_come_in_the_middle_of_a_handshake(self) -> None:
        await self.start()
        plain = await deferToThread(self.browser(tls=False).connect)
        plain.sendall(b"\x16\x03\x01\x02\x00\x01")
        await self.until(lambda: len(self.door.connections) == 1)
        self.door.stopService()
        await self.until(lambda: len(self.door.connections) == 0)
        plain.close()
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_or_in_the_middle_of_a_request(self) -> None:
        await self.start()
        browser = await self.logged_in()

        def begin() -> Wire:
            wire = browser.wire()
            wire.send(browser.head("PUT", "/hash", [("Content-Length", "1000000")]))
            wire.send(b"x" * 500_000)
            return wire

        wire = await deferToThread(begin)
        self.admin_file.write_text("another one")
        await deferToThread(wire.read_all)
        await self.until(lambda: len(self.door.connections) == 0)
        wire.close()
        self.assertEqual(self.flushLoggedErrors(), [])


class PatienceTests(SynchronousTestCase):
    def test_who_only_connects_is_cut(self) -> None:
        clock = Clock()
        gateway: Any = SimpleNamespace(clock=clock, channels={})
        connections = Connections(gateway, HandshakeLimits(clock.seconds))
        channel = connections.buildProtocol(address_of("192.0.2.1"))
        transport = StringTransport()
        channel.makeConnection(transport)
        clock.advance(HEAD_SECONDS - 0.1)
        self.assertFalse(transport.disconnected)
        clock.advance(0.2)
        self.assertTrue(transport.disconnected)
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(connections), 0)
        self.assertEqual(gateway.channels, {})
