"""Sessions of the admin page, without any request."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.web.operator.session import (
    ABSOLUTE,
    FRESH,
    IDLE,
    OperatorSession,
    OperatorSessions,
)


class Stream:
    def __init__(self, sessions: OperatorSessions) -> None:
        self.sessions = sessions
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1


class BrokenStream(Stream):
    def abort(self) -> None:
        super().abort()
        raise ZeroDivisionError


class OperatorSessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sessions = OperatorSessions(self.clock.seconds, max_sessions=3)

    def create(self) -> OperatorSession:
        self.clock.advance(1)
        return self.sessions.create("192.0.2.1")

    def test_tokens_are_256_random_bits_each(self) -> None:
        first, second = self.create(), self.create()
        secrets = {first.token.decode(), first.csrf, second.token.decode(), second.csrf}
        self.assertEqual(len(secrets), 4)
        for secret in secrets:
            self.assertRegex(secret, r"\A[A-Za-z0-9_-]{43}\Z")

    def test_neither_token_is_in_what_a_log_would_show(self) -> None:
        session = self.create()
        self.assertNotIn(session.token.decode(), repr(session))
        self.assertNotIn(session.csrf, repr(session))

    def test_it_is_found_by_its_token_alone(self) -> None:
        session = self.create()
        self.assertIs(self.sessions.find(session.token), session)
        self.assertIsNone(self.sessions.find(session.csrf.encode()))
        self.assertIsNone(self.sessions.find(b""))

    def test_half_an_hour_without_a_request_ends_it(self) -> None:
        session = self.create()
        self.clock.advance(IDLE)
        self.assertIs(self.sessions.find(session.token), session)
        self.clock.advance(IDLE + 0.1)
        self.assertIsNone(self.sessions.find(session.token))
        self.assertTrue(session.ended)

    def test_an_open_stream_is_no_request(self) -> None:
        session, stream = self.create(), Stream(self.sessions)
        session.streams.add(stream)
        self.clock.advance(IDLE + 0.1)
        self.sessions.sweep()
        self.assertEqual(stream.aborted, 1)
        self.assertEqual(len(self.sessions), 0)

    def test_twelve_hours_end_it_however_busy_it_is(self) -> None:
        session = self.create()
        for _ in range(int(ABSOLUTE / IDLE)):
            self.clock.advance(IDLE)
            self.assertIs(self.sessions.find(session.token), session)
        self.clock.advance(1)
        self.assertIsNone(self.sessions.find(session.token))

    def test_what_remains_of_it_can_be_told(self) -> None:
        session = self.create()
        self.clock.advance(60)
        self.assertEqual(self.sessions.expires_in(session), IDLE - 60)
        for _ in range(24):
            self.clock.advance(29 * 60)
            self.sessions.find(session.token)
        left = ABSOLUTE - 60 - 24 * 29 * 60
        self.assertEqual(self.sessions.expires_in(session), left)

    def test_the_password_is_fresh_for_five_minutes(self) -> None:
        session = self.create()
        self.assertEqual(self.sessions.fresh_for(session), FRESH)
        self.clock.advance(FRESH - 1)
        self.assertEqual(self.sessions.fresh_for(session), 1)
        self.clock.advance(1)
        self.assertEqual(self.sessions.fresh_for(session), 0)
        self.sessions.prove(session)
        self.assertEqual(self.sessions.fresh_for(session), FRESH)

    def test_the_end_of_a_session_ends_its_streams_and_nobody_else_s(self) -> None:
        session, other = self.create(), self.create()
        stream, foreign = Stream(self.sessions), Stream(self.sessions)
        session.streams.add(stream)
        other.streams.add(foreign)
        self.sessions.end(session)
        self.sessions.end(session)
        self.assertEqual((stream.aborted, foreign.aborted), (1, 0))
        self.assertIsNone(self.sessions.find(session.token))
        self.assertIs(self.sessions.find(other.token), other)

    def test_all_end_together_even_if_a_stream_fails(self) -> None:
        sessions = [self.create() for _ in range(3)]
        streams = [BrokenStream(self.sessions), Stream(self.sessions)]
        for session, stream in zip(sessions, streams, strict=False):
            session.streams.add(stream)
        self.assertRaises(ZeroDivisionError, self.sessions.end_all)
        self.assertEqual([stream.aborted for stream in streams], [1, 1])
        self.assertTrue(all(session.ended for session in sessions))
        self.assertEqual(len(self.sessions), 0)

    def test_one_more_than_there_is_room_for_ends_the_one_least_used(self) -> None:
        first, second, third = (self.create() for _ in range(3))
        self.clock.advance(1)
        self.sessions.find(first.token)
        fourth = self.create()
        self.assertEqual(len(self.sessions), 3)
        ended = [one.ended for one in (first, second, third, fourth)]
        self.assertEqual(ended, [False, True, False, False])
