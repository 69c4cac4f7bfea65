"""More tunnels at once than there is time for, of those that had no turn before TLS."""

from __future__ import annotations

from functools import partial

from cfos_cloud.device.authentication import outcome_of
from cfos_cloud.device.backoff import Backoff
from cfos_cloud.device.handshake import Rejected, UpgradeHandshake
from cfos_cloud.device.outcomes import Busy
from cfos_cloud.gateway.door import (
    AT_ONCE,
    MOST_RETRY_AFTER,
    PER_SECOND,
    STOPPING_RETRY_AFTER,
)
from cfos_cloud.listener.arrival import mark_admitted
from cfos_cloud.tunnel.scram import ClientHandshake
from tests.gateway.test_door import PASSWORD, Caller, DoorCase
from tests.memory import Message


class StormTests(DoorCase):
    def first(self, caller: Caller | None = None) -> Message:
        """The answer to the first request of a handshake."""
        handshake = ClientHandshake("w00-a", PASSWORD, None)
        return (caller or self.caller()).ask(handshake.first())

    def crowd(self) -> None:
        """As many as may begin at one time."""
        for _ in range(AT_ONCE):
            self.assertEqual(self.first().status, 401)

    def test_those_that_are_too_many_are_asked_to_come_later(self) -> None:
        self.crowd()
        message = self.first()
        self.assertEqual(message.status, 503)
        self.assertEqual(message.get(b"retry-after"), b"1")
        self.assertEqual(self.door._counts.put_off, 1)
        self.clock.advance(1.1)
        self.assertEqual(self.first().status, 401)

    def test_they_are_not_asked_to_come_back_together(self) -> None:
        self.crowd()
        count = int(PER_SECOND) * 2
        asked = [int(self.first().get(b"retry-after") or 0) for _ in range(count)]
        for second in (1, 2):
            self.assertIn(asked.count(second), (PER_SECOND - 1, PER_SECOND))

    def test_nobody_is_asked_to_wait_for_longer_than_the_most(self) -> None:
        self.crowd()
        for _ in range(int(PER_SECOND * MOST_RETRY_AFTER)):
            self.door._appointments.make()
        for _ in range(20):
            asked = int(self.first().get(b"retry-after") or 0)
            self.assertGreaterEqual(asked, MOST_RETRY_AFTER / 2)
            self.assertLessEqual(asked, MOST_RETRY_AFTER)

    def test_a_handshake_that_has_begun_is_finished(self) -> None:
        caller = self.caller()
        handshake = ClientHandshake("w00-a", PASSWORD, None)
        challenge = caller.ask(handshake.first()).get(b"www-authenticate")
        assert challenge is not None
        for _ in range(AT_ONCE):
            self.first()
        self.assertEqual(self.first().status, 503)
        self.assertEqual(caller.ask(handshake.final(challenge)).status, 101)

    def test_who_had_a_turn_in_front_of_tls_needs_none_and_takes_none(self) -> None:
        self.crowd()
        admitted = self.caller()
        mark_admitted(admitted.wire)
        self.assertEqual(self.first(admitted).status, 401)
        self.clock.advance(1.0)
        for _ in range(100):
            each = self.caller()
            mark_admitted(each.wire)
            self.first(each)
        self.crowd()

    def test_those_sent_away_by_a_stop_are_not_asked_to_come_back_together(
        self,
    ) -> None:
        self.door.closed = True
        first, later = self.first(), int(PER_SECOND) * 2
        for _ in range(later):
            self.door._appointments.make()
        asked = [int(each.get(b"retry-after") or 0) for each in (first, self.first())]
        least = STOPPING_RETRY_AFTER
        self.assertEqual(asked, [least + 1, least + 3])

    def test_a_device_end_does_as_it_is_asked(self) -> None:
        self.crowd()
        for _ in range(int(PER_SECOND) * 4):
            self.door._appointments.make()
        caller = self.caller()
        scram = ClientHandshake("w00-a", PASSWORD, None)
        handshake = UpgradeHandshake("cloud.example.org:4443", "test/1", scram)
        caller.channel.dataReceived(handshake.begin())
        event = handshake.receive(caller.wire.take())
        assert isinstance(event, Rejected)
        outcome = outcome_of(event)
        assert isinstance(outcome, Busy)
        self.assertEqual(outcome.retry_after, 5.0)
        for chance in (0.0, 0.5, 0.999):
            wait = Backoff(partial(float, chance)).after(outcome)
            self.assertGreaterEqual(wait, 5.0)
            self.assertLess(wait, 7.5)
