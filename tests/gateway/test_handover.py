"""A session that goes from the cloud's own host to a device's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway import handover
from cfos_cloud.gateway.handover import CODE_SECONDS, Handovers
from cfos_cloud.gateway.sessions import Ending, Session, SessionTable
from cfos_cloud.hosts import DeviceHost

HOST = DeviceHost("w00-a")


class HandoverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sessions = SessionTable(self.clock.seconds)
        self.handovers = Handovers(
            self.clock.seconds, lambda each: self.sessions.end(each, Ending.EXPIRED)
        )

    def session(self) -> Session:
        return self.sessions.create("W00-A", "grant", "admin", "admin", "192.0.2.1")

    def test_a_code_gives_session_and_path_once(self) -> None:
        session = self.session()
        code = self.handovers.issue(session, HOST, b"/a?b=c")
        self.assertEqual(self.handovers.take(code, HOST), (session, b"/a?b=c"))
        self.assertIsNone(self.handovers.take(code, HOST))
        self.assertFalse(session.ended)

    def test_the_session_is_good_at_that_host_alone(self) -> None:
        session = self.session()
        self.handovers.issue(session, HOST, b"/")
        for host in (None, DeviceHost("w00-b"), DeviceHost("w00-a", "meter")):
            self.assertIsNone(self.sessions.find(session.token, host), host)
        self.assertIs(self.sessions.find(session.token, HOST), session)
        self.assertIsNone(session.device)

    def test_a_further_device_is_remembered(self) -> None:
        session = self.session()
        self.handovers.issue(session, DeviceHost("w00-a", "meter"), b"/")
        self.assertEqual(session.device, "meter")

    def test_at_another_host_a_code_is_worth_nothing_and_then_nowhere(self) -> None:
        for host in (DeviceHost("w00-b"), DeviceHost("w00-a", "meter")):
            session = self.session()
            code = self.handovers.issue(session, HOST, b"/")
            self.assertIsNone(self.handovers.take(code, host))
            self.assertTrue(session.ended)
            self.assertIsNone(self.handovers.take(code, HOST))

    def test_what_nobody_takes_over_ends(self) -> None:
        session = self.session()
        code = self.handovers.issue(session, HOST, b"/")
        self.clock.advance(CODE_SECONDS - 0.1)
        self.handovers.sweep()
        self.assertFalse(session.ended)
        self.clock.advance(0.1)
        self.assertIsNone(self.handovers.take(code, HOST))
        self.assertTrue(session.ended)

    def test_a_sweep_ends_it_without_anybody_asking(self) -> None:
        session = self.session()
        self.handovers.issue(session, HOST, b"/")
        self.clock.advance(CODE_SECONDS)
        self.handovers.sweep()
        self.assertTrue(session.ended)
        self.assertEqual(len(self.handovers), 0)

    def test_a_session_that_has_ended_is_not_taken_over(self) -> None:
        session = self.session()
        code = self.handovers.issue(session, HOST, b"/")
        self.sessions.end(session, Ending.SYSTEM_GONE)
        self.assertIsNone(self.handovers.take(code, HOST))

    def test_codes_have_a_bound_and_the_oldest_goes(self) -> None:
        self.patch(handover, "MAX_CODES", 3)
        sessions = [self.session() for _ in range(4)]
        codes = [self.handovers.issue(each, HOST, b"/") for each in sessions]
        self.assertEqual(len(self.handovers), 3)
        self.assertEqual([each.ended for each in sessions], [True, False, False, False])
        self.assertIsNotNone(self.handovers.take(codes[3], HOST))

    def test_codes_have_256_random_bits_and_fit_into_an_address(self) -> None:
        asked: list[int] = []

        def random(count: int) -> bytes:
            asked.append(count)
            return b"\xff" * count

        handovers = Handovers(self.clock.seconds, lambda session: None, random)
        code = handovers.issue(self.session(), HOST, b"/")
        self.assertEqual(asked, [32])
        self.assertRegex(code, r"\A[A-Za-z0-9_-]{43}\Z")

    @given(st.text(max_size=60))
    def test_nothing_else_is_a_code(self, text: str) -> None:
        self.handovers.issue(self.session(), HOST, b"/")
        self.assertIsNone(self.handovers.take(text, HOST))
