"""Sessions on the hosts of further devices."""

from __future__ import annotations

from twisted.internet.task import Clock

from cfos_cloud.events import EventKind, EventLog, Origin
from cfos_cloud.gateway.further_sessions import MAX_ON_A_HOST, FurtherSessions
from cfos_cloud.gateway.login import Authenticator
from cfos_cloud.gateway.sessions import IDLE, MAX_SESSIONS_PER_SYSTEM, Ending, Session
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.server.session_recorder import record_endings
from cfos_cloud.tunnel.devices import NamedDevice
from tests.gateway.test_login import FakeExchange, FakeTunnel
from tests.gateway.test_sessions import FakeStream, SessionTestCase

MAIN = DeviceHost("w00-a")
METER = DeviceHost("w00-a", "meter")
INVERTER = DeviceHost("w00-a", "inverter")


class Kept(EventLog):
    def __init__(self) -> None:
        self.endings: list[str | None] = []

    def note(
        self,
        kind: EventKind,
        by: Origin = Origin(""),  # noqa: B008
        system: str | None = None,
        detail: str | None = None,
    ) -> None:
        self.endings.append(detail)


class FurtherSessionsTests(SessionTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tunnel = FakeTunnel()
        self.authenticator = Authenticator(
            FakeExchange(self.tunnel), self.table, Clock()
        )
        self.events = Kept()
        record_endings(self.table, self.events)
        self.further = FurtherSessions(self.table)
        self.first = self.table.create(
            "W00-A", "grant", "user", "anna", "192.0.2.1", "de", None, (METER_DEVICE,)
        )

    def open(self, there: DeviceHost = METER) -> Session:
        made = self.further.open(self.first, MAIN, there)
        assert made is not None
        return made

    def test_it_is_the_same_log_in_with_a_token_of_its_own(self) -> None:
        made = self.open()
        self.assertIs(self.table.find(made.token), made)
        self.assertNotEqual(made.token, self.first.token)
        for name in ("cloud_id", "grant", "role", "user", "client", "language"):
            self.assertEqual(getattr(made, name), getattr(self.first, name))
        self.assertEqual(made.devices, (METER_DEVICE,))
        self.assertTrue(made.is_further)

    def test_one_log_in_has_so_many_on_a_host(self) -> None:
        # Each ends another, or one log-in would push out all others of the system.
        inverter = self.open(INVERTER)
        made = [self.open() for _ in range(3 * MAX_ON_A_HOST)]
        ended = [session.ended for session in made]
        self.assertEqual(ended, [True] * 2 * MAX_ON_A_HOST + [False] * MAX_ON_A_HOST)
        self.assertEqual((inverter.ended, self.first.ended), (False, False))
        self.assertEqual(self.tunnel.logged_out, [])

    def test_there_is_none_of_a_log_in_that_had_to_make_room_for_it(self) -> None:
        self.clock.now += 1
        for _ in range(MAX_SESSIONS_PER_SYSTEM - 1):
            self.table.create("W00-A", "other", "user", "anna", "192.0.2.2")
        self.assertIsNone(self.further.open(self.first, MAIN, METER))
        self.assertTrue(self.first.ended)
        grants = {session.grant for session in self.table.of_system("W00-A")}
        self.assertEqual(grants, {"other"})

    def test_one_by_an_access_key_takes_the_key_along_and_ends_with_it(self) -> None:
        self.first = self.table.create(
            "W00-A", "grant", "admin", "", "192.0.2.1", "de", "key-1"
        )
        made = self.open()
        self.assertEqual(made.key_id, "key-1")
        self.table.end(self.first, Ending.KEY_ENDED)
        self.assertTrue(made.ended)

    def test_from_a_further_one_the_way_leads_everywhere(self) -> None:
        meter = self.open()
        inverter = self.further.open(meter, METER, INVERTER)
        assert inverter is not None
        # Where the first one is there is no need of another.
        self.assertIsNone(self.further.open(inverter, INVERTER, MAIN))
        self.table.end(meter, Ending.REPLACED)
        self.assertFalse(inverter.ended)
        self.table.end(self.first, Ending.REPLACED)
        self.assertTrue(inverter.ended)

    def test_whether_a_host_has_one_is_known_from_its_hand_over_to_its_end(
        self,
    ) -> None:
        made = self.open()
        self.assertFalse(self.further.is_open(self.first, METER))
        made.host = METER
        self.assertTrue(self.further.is_open(self.first, METER))
        self.assertFalse(self.further.is_open(self.first, INVERTER))
        self.assertFalse(self.further.is_open(self.create(), METER))
        self.table.end(made, Ending.EXPIRED)
        self.assertFalse(self.further.is_open(self.first, METER))

    def test_whatever_ends_the_first_ends_all(self) -> None:
        for ending in Ending:
            first = self.first = self.create(grant=ending.value)
            made, other = self.open(), self.open(INVERTER)
            stream = FakeStream()
            made.streams.add(stream)
            self.table.end(first, ending)
            self.assertEqual((made.ended, other.ended, stream.aborted), (True, True, 1))

    def test_a_log_out_anywhere_is_one_everywhere(self) -> None:
        made, other = self.open(), self.open(INVERTER)
        self.table.end(made, Ending.LOGGED_OUT)
        self.assertTrue(self.first.ended)
        self.assertTrue(other.ended)

    def test_what_else_ends_a_further_one_leaves_the_others(self) -> None:
        for ending in set(Ending) - {Ending.LOGGED_OUT}:
            made, other = self.open(), self.open(INVERTER)
            self.table.end(made, ending)
            self.assertEqual((self.first.ended, other.ended), (False, False))
            self.assertEqual(self.tunnel.logged_out, [])

    def test_the_device_is_told_of_one_log_out_and_the_log_of_one(self) -> None:
        self.open()
        self.table.end(self.open(INVERTER), Ending.LOGGED_OUT)
        self.assertEqual(self.tunnel.logged_out, ["grant"])
        self.assertEqual(self.events.endings, ["logged out"])

    def test_who_uses_a_further_one_only_is_not_idle(self) -> None:
        made = self.open()
        for _ in range(5):
            self.clock.now += IDLE - 1
            self.assertIs(self.table.find(made.token), made)
            self.table.sweep()
        self.assertFalse(self.first.ended)
        self.clock.now += IDLE + 1
        self.table.sweep()
        self.table.sweep()
        self.assertTrue(made.ended)

    def test_nothing_is_kept_of_what_has_ended(self) -> None:
        self.table.end(self.open(), Ending.EXPIRED)
        self.assertEqual(self.first.streams, set())
        self.open()
        self.table.end(self.first)
        self.assertEqual(len(self.table), 0)
        self.assertEqual(vars(self.further)["_ends"], {})
        self.assertEqual(vars(self.further)["_homes"], {})


METER_DEVICE = NamedDevice("meter")
