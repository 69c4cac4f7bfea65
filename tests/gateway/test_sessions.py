"""Browser sessions."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.gateway.sessions import (
    ABSOLUTE,
    IDLE,
    Ending,
    Session,
    SessionTable,
)
from cfos_cloud.hosts import DeviceHost


class FakeClock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class FakeStream:
    aborted = 0

    def abort(self) -> None:
        self.aborted += 1


class BrokenStream:
    def abort(self) -> None:
        raise ValueError("broken")


class SessionTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = FakeClock()
        self.table = SessionTable(self.clock)
        self.ended: list[tuple[Session, Ending]] = []
        self.table.subscribe(lambda session, why: self.ended.append((session, why)))

    def create(self, cloud_id: str = "W00-A", grant: str = "grant") -> Session:
        return self.table.create(cloud_id, grant, "admin", "admin", "192.0.2.1", "de")


class LifeTests(SessionTestCase):
    def test_a_session_is_found_by_its_token(self) -> None:
        session = self.create()
        self.assertIs(self.table.find(session.token), session)
        self.assertIsNone(self.table.find(b"other"))

    def test_a_token_has_256_random_bits(self) -> None:
        tokens = {self.create(f"id{number}").token for number in range(100)}
        self.assertEqual(len(tokens), 100)
        self.assertEqual({len(token) for token in tokens}, {43})

    def test_only_the_admin_password_makes_one_the_admin_s(self) -> None:
        for role, key_id, is_so in (
            ("admin", None, True),
            ("admin", "a key", False),
            ("user", None, False),
        ):
            session = self.table.create("W00-A", "g", role, "x", "", None, key_id)
            self.assertIs(session.manages_keys, is_so)

    def test_nobody_manages_keys_on_the_host_of_a_further_device(self) -> None:
        # Its pages have that origin, too, and the keys are those of the main one.
        session = self.table.create("W00-A", "g", "admin", "x", "")
        for name, is_so in (("meter", False), (None, True)):
            session.host = DeviceHost("w00-a", name)
            self.assertIs(session.manages_keys, is_so)

    def test_no_secret_is_shown(self) -> None:
        session = self.create(grant="secret-grant")
        self.assertNotIn(session.token.decode(), repr(session))
        self.assertNotIn("secret-grant", repr(session))

    def test_use_keeps_it_alive(self) -> None:
        session = self.create()
        for _ in range(5):
            self.clock.now += IDLE - 1
            self.assertIs(self.table.find(session.token), session)

    def test_without_use_it_ends(self) -> None:
        session = self.create()
        self.clock.now += IDLE + 1
        self.assertIsNone(self.table.find(session.token))
        self.assertEqual(self.ended, [(session, Ending.EXPIRED)])
        self.assertEqual(len(self.table), 0)

    def test_it_ends_some_day_in_any_case(self) -> None:
        session = self.create()
        end = self.clock.now + ABSOLUTE
        while self.clock.now + IDLE < end:
            self.clock.now += IDLE
            self.assertIsNotNone(self.table.find(session.token))
        self.clock.now = end + 1
        self.assertIsNone(self.table.find(session.token))

    def test_a_sweep_ends_what_nobody_asks_for(self) -> None:
        session = self.create()
        self.clock.now += IDLE + 1
        young = self.create("other")
        self.table.sweep()
        self.assertEqual(self.ended, [(session, Ending.EXPIRED)])
        self.assertIs(self.table.find(young.token), young)

    def test_an_open_stream_is_use(self) -> None:
        session = self.create()
        session.streams.add(FakeStream())
        self.clock.now += IDLE + 1
        self.table.sweep()
        self.assertIs(self.table.find(session.token), session)

    def test_but_not_beyond_the_absolute_end(self) -> None:
        session = self.create()
        stream = FakeStream()
        session.streams.add(stream)
        self.clock.now += ABSOLUTE + 1
        self.table.sweep()
        self.assertEqual(stream.aborted, 1)


class KeyTests(SessionTestCase):
    def by_key(self, key_id: str = "stolen") -> Session:
        return self.table.create(
            "W00-A", "grant", "admin", "app", "192.0.2.9", key_id=key_id
        )

    def test_a_key_has_ten_sessions_and_the_next_one_ends_its_own(self) -> None:
        person = self.create()
        made = [self.by_key() for _ in range(300)]
        self.assertFalse(person.ended)
        self.assertEqual([each for each in made if not each.ended], made[-10:])
        self.assertEqual({why for _, why in self.ended}, {Ending.EVICTED})

    def test_many_keys_make_room_before_people_do(self) -> None:
        person = self.create()
        for number in range(40):
            for _ in range(10):
                self.clock.now += 1
                self.by_key(f"key {number}")
        self.assertFalse(person.ended)
        self.assertEqual(len(self.table), 250)


class EndTests(SessionTestCase):
    def test_its_streams_end_with_it_before_anybody_is_told(self) -> None:
        session = self.create()
        stream = FakeStream()
        session.streams.add(stream)
        seen = []
        self.table.subscribe(lambda *_: seen.append(stream.aborted))
        self.table.end(session)
        self.assertEqual(seen, [1])
        self.assertEqual(session.streams, set())
        self.assertTrue(session.ended)

    def test_it_ends_once(self) -> None:
        session = self.create()
        self.table.end(session)
        self.table.end(session)
        self.assertEqual(self.ended, [(session, Ending.LOGGED_OUT)])

    def test_a_stream_that_takes_itself_out_does_no_harm(self) -> None:
        session = self.create()

        class Tidy(FakeStream):
            def abort(self) -> None:
                super().abort()
                session.streams.discard(self)

        streams = [Tidy(), Tidy()]
        session.streams.update(streams)
        self.table.end(session)
        self.assertEqual([each.aborted for each in streams], [1, 1])

    def test_a_stream_that_fails_spares_nobody_else(self) -> None:
        session = self.create()
        streams = [FakeStream() for _ in range(5)]
        session.streams.update([*streams, BrokenStream()])
        self.assertRaises(ValueError, self.table.end, session)
        self.assertEqual([each.aborted for each in streams], [1] * 5)
        self.assertEqual(len(self.ended), 1)
        self.assertIsNone(self.table.find(session.token))

    def test_a_revoked_grant_ends_its_sessions_only(self) -> None:
        mine, other = self.create(grant="a"), self.create(grant="b")
        elsewhere = self.create("W00-B", grant="a")
        self.table.end_grant("w00-a", "a")
        self.assertEqual(self.ended, [(mine, Ending.REVOKED)])
        self.assertIs(self.table.find(other.token), other)
        self.assertIs(self.table.find(elsewhere.token), elsewhere)

    def test_a_system_takes_its_sessions_with_it(self) -> None:
        sessions = [self.create(), self.create()]
        other = self.create("W00-B")
        self.table.end_system("w00-A")
        self.assertEqual({each for each, _ in self.ended}, set(sessions))
        self.assertIs(self.table.find(other.token), other)
        self.assertEqual(self.table.of_system("W00-A"), [])

    def test_what_is_unknown_ends_nothing(self) -> None:
        self.create()
        self.table.end_grant("nobody", "a")
        self.table.end_grant("W00-A", "unknown")
        self.table.end_system("nobody")
        self.assertEqual(self.ended, [])


class BoundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = FakeClock()
        self.table = SessionTable(self.clock, max_sessions=6, max_per_system=3)
        self.ended: list[str] = []
        self.table.subscribe(lambda session, _: self.ended.append(session.grant))

    def create(self, cloud_id: str, grant: str) -> Session:
        self.clock.now += 1
        return self.table.create(cloud_id, grant, "user", "1", "192.0.2.1")

    def test_a_system_with_too_many_loses_its_own_least_used(self) -> None:
        self.create("b", "b1")
        first = self.create("a", "a1")
        self.create("a", "a2")
        self.create("a", "a3")
        self.clock.now += 1
        self.table.find(first.token)
        self.create("a", "a4")
        self.assertEqual(self.ended, ["a2"])

    def test_a_user_who_logs_in_all_day_logs_out_nobody_else(self) -> None:
        admin = self.create("W00-A", "grant")
        for _ in range(9):
            self.clock.now += 1
            self.table.create("W00-A", "grant", "user", "guest", "192.0.2.2")
        self.assertFalse(admin.ended)

    def test_a_full_table_loses_the_least_used_of_all(self) -> None:
        for name in "abcdef":
            self.create(name, name)
        self.create("g", "g")
        self.assertEqual(self.ended, ["a"])
        self.assertEqual(len(self.table), 6)
