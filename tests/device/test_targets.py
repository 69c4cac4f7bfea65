"""Several devices of a site: which of them a request reaches, and which nobody does."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grant
from cfos_cloud.device.request_stream import TargetSide
from cfos_cloud.device.target_header import TargetHeader
from cfos_cloud.device.target_pool import MAX_CONNECTIONS, TargetPool
from cfos_cloud.device.targets import NoDevice, Targets
from cfos_cloud.tunnel.multiplex import Multiplexed
from cfos_cloud.tunnel.yamux import Role
from tests.device.forwarder_support import (
    ForwarderCase,
    ServerStream,
    TunnelEnd,
    post,
)
from tests.device.target_support import Target
from tests.memory import MemoryTransport

DOMAIN = "cloud.example.org:4443"
MAIN = f"w00-008j.{DOMAIN}"
METER = f"meter--w00-008j.{DOMAIN}"


def get(host: str, fields: bytes = b"") -> bytes:
    return b"GET /a HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (host.encode(), fields)


class Credential:
    header = TargetHeader.parse("Authorization: Basic b3Vycw==")

    def renewal(self) -> Deferred[None] | None:
        return None

    def doubt(self) -> None:
        """It is what it is."""


class Kept(Credential):
    """What an admin's log-in has proven itself by, at the main device."""

    header = TargetHeader.parse("Authorization: Basic a2VwdA==")
    secret = "kept"

    def outranks(self, own: bytes) -> bool:
        return True


class TargetsCase(ForwarderCase):
    """A main device, a meter and an inverter."""

    def setUp(self) -> None:
        super().setUp()
        self.meter, self.inverter = Target(), Target()
        self.targets = Targets(
            TargetSide(self.pool, b"http://192.168.1.20", Credential()),
            "w00-008j",
            {
                "meter": self.side(self.meter, b"http://192.168.1.30:8080"),
                "inverter": self.side(self.inverter, b"http://192.168.1.40"),
            },
        )
        forwarder = Forwarder(
            self.grants, self.targets, self.clock, self.unknown.append
        )
        self.wires = MemoryTransport(), MemoryTransport()
        self.server = Multiplexed(Role.SERVER, self.clock, TunnelEnd(), 1e9)
        self.device = Multiplexed(Role.CLIENT, self.clock, TunnelEnd(forwarder), 1e9)
        self.server.makeConnection(self.wires[0])
        self.device.makeConnection(self.wires[1])
        self.anna = self.grants.issue("user", "anna", 10_000, devices=["meter"])
        self.ben = self.grants.issue("user", "ben", 10_000)

    def side(self, target: Target, origin: bytes) -> TargetSide:
        return TargetSide(TargetPool(target, self.clock), origin, takes_own=False)

    def ask(
        self, host: str, grant: Grant | None = None, fields: bytes = b""
    ) -> ServerStream:
        return self.open(get(host, fields), self.preamble(grant, host=host))

    def attempts(self) -> tuple[int, int, int]:
        """How many connections each device was asked for."""
        return (
            len(self.target.attempts),
            len(self.meter.attempts),
            len(self.inverter.attempts),
        )


class ReachingTests(TargetsCase):
    def test_the_host_s_first_label_chooses_the_device(self) -> None:
        self.ask(METER)
        self.assertEqual(self.attempts(), (0, 1, 0))
        self.ask(METER.upper())
        self.assertEqual(self.attempts(), (0, 2, 0))
        self.ask(f"inverter--W00-008J.{DOMAIN}")
        self.assertEqual(self.attempts(), (0, 2, 1))
        self.ask(MAIN)
        self.assertEqual(self.attempts(), (1, 2, 1))

    def test_each_has_addresses_of_its_own(self) -> None:
        fields = b"Origin: https://%b\r\nReferer: https://%b/x\r\n" % (
            (METER.encode(),) * 2
        )
        stream = self.ask(METER, fields=fields)
        connection = self.meter.accept()
        self.pump()
        (request,) = connection.requests()
        self.assertEqual(request.get(b"host"), b"192.168.1.30:8080")
        self.assertEqual(request.get(b"origin"), b"http://192.168.1.30:8080")
        self.assertEqual(request.get(b"referer"), b"http://192.168.1.30:8080/x")
        connection.answer(b"", 302, b"Location: http://192.168.1.30:8080/b?c\r\n")
        self.pump()
        message = stream.one()
        self.assertEqual(message.get(b"location"), b"https://%b/b?c" % METER.encode())
        # What leads to another device of the site is left as it is.
        self.send(stream, get(METER))
        connection.answer(b"", 302, b"Location: http://192.168.1.20/b\r\n")
        self.pump()
        self.assertEqual(stream.one().get(b"location"), b"http://192.168.1.20/b")

    def test_a_slow_one_takes_no_connection_from_the_others(self) -> None:
        for _ in range(MAX_CONNECTIONS + 2):
            self.ask(METER)
        self.assertEqual(self.attempts(), (0, MAX_CONNECTIONS, 0))
        self.ask(MAIN)
        self.assertEqual(self.attempts(), (1, MAX_CONNECTIONS, 0))

    def test_only_the_main_device_gets_its_own_credential(self) -> None:
        self.ask(METER)
        meter = self.meter.accept()
        self.ask(MAIN)
        main = self.target.accept()
        self.pump()
        self.assertIsNone(meter.requests()[0].get(b"authorization"))
        self.assertEqual(main.requests()[0].get(b"authorization"), b"Basic b3Vycw==")

    def test_nor_do_others_get_what_a_log_in_has_proven_itself_by(self) -> None:
        grant = self.grants.issue("admin", "admin", 10_000, Kept())
        self.ask(METER, grant)
        meter = self.meter.accept()
        self.ask(MAIN, grant)
        main = self.target.accept()
        self.pump()
        self.assertIsNone(meter.requests()[0].get(b"authorization"))
        self.assertEqual(main.requests()[0].get(b"authorization"), b"Basic a2VwdA==")

    def test_where_the_server_has_one_host_for_all_it_is_the_main_device(self) -> None:
        for host in (
            "cloud.example.org",
            "cloud.example.org:4443",
            "localhost",
            "meter--w00-008j",
            "192.168.1.30",
            "192.168.1.30:8080",
            "[fe80::1]:80",
            f"x_y--w00-008j.{DOMAIN}",
            f"--w00-008j.{DOMAIN}",
            # Another system's: the server has no business to ask us for it.
            f"meter--other.{DOMAIN}",
        ):
            found = self.targets.choose(host, self.grant)
            self.assertIs(found, self.targets.main, host)

    def test_what_the_browser_says_inside_the_stream_chooses_nothing(self) -> None:
        for host in ("192.168.1.99", METER, f"inverter--w00-008j.{DOMAIN}"):
            self.open(get(host), self.preamble(host=MAIN))
        self.assertEqual(self.attempts(), (3, 0, 0))
        connection = self.accept()
        self.assertEqual(connection.requests()[0].get(b"host"), b"192.168.1.20")


class RefusalTests(TargetsCase):
    def test_a_user_reaches_what_the_site_allows(self) -> None:
        self.ask(METER, self.anna)
        self.ask(MAIN, self.anna)
        self.ask(MAIN, self.ben)
        self.assertEqual(self.attempts(), (2, 1, 0))

    def test_and_can_not_tell_what_else_there_is(self) -> None:
        answers = set()
        for grant in (self.anna, self.ben):
            for name in ("inverter", "nothing", "192"):
                stream = self.ask(f"{name}--w00-008j.{DOMAIN}", grant)
                answers.add(stream.data)
                self.assert_trouble(stream, 403, b"forbidden")
        self.assertEqual(len(answers), 1)
        self.assertEqual(self.attempts(), (0, 0, 0))

    def test_for_an_admin_a_name_that_is_none_is_not_found(self) -> None:
        stream = self.ask(f"nothing--w00-008j.{DOMAIN}")
        self.assert_trouble(stream, 404, b"unknown")
        self.assertEqual(self.attempts(), (0, 0, 0))

    def test_an_access_key_that_reads_has_the_main_device_only(self) -> None:
        for role, found in (
            ("api", NoDevice.FORBIDDEN),
            ("admin", self.targets.further["meter"]),
        ):
            grant = Grant("t", role, "evcc", 0.0, key="k")
            self.assertIs(self.targets.choose(METER, grant), found)
            self.assertIs(self.targets.choose(MAIN, grant), self.targets.main)

    def test_a_refused_stream_serves_on(self) -> None:
        host = f"inverter--w00-008j.{DOMAIN}"
        stream = self.ask(host, self.anna)
        for _ in range(2):
            self.assert_trouble(stream, 403, b"forbidden")
            self.send(stream, get(host))
        self.assertEqual(stream.lost, [])

    def test_a_body_is_not_waited_for(self) -> None:
        host = f"inverter--w00-008j.{DOMAIN}"
        stream = self.open(post(5_000_000), self.preamble(self.anna, host=host))
        self.assert_trouble(stream, 403, b"forbidden")
        self.assertEqual(self.attempts(), (0, 0, 0))

    def test_and_ends_with_its_grant(self) -> None:
        stream = self.ask(f"inverter--w00-008j.{DOMAIN}", self.anna)
        self.assertEqual(len(self.anna.streams), 1)
        self.grants.forget(self.anna.token)
        self.pump()
        self.assert_reset(stream)

    def test_when_the_server_ends_it_nothing_is_left(self) -> None:
        stream = self.ask(f"inverter--w00-008j.{DOMAIN}", self.anna)
        stream.stream.loseConnection()
        self.pump()
        self.assertEqual(self.anna.streams, set())
        self.assertEqual(self.timers(), [])
