"""For whom places are kept, and for whom not any more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.known_sources import (
    MAX_OPERATORS,
    OPERATOR_PLACES,
    SYSTEM_PLACES,
    KnownSources,
)
from cfos_cloud.throttle import source_key


class KnownSourcesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.known = KnownSources()

    def places(self, address: str) -> int:
        return self.known.places(source_key(address))

    def test_strangers_have_none(self) -> None:
        self.assertEqual(self.places("192.0.2.7"), 0)

    def test_each_system_brings_places_to_where_it_comes_from(self) -> None:
        self.known.system_came("A", "192.0.2.7")
        self.known.system_came("B", "192.0.2.7")
        self.known.system_came("C", "2001:db8::1")
        self.assertEqual(self.places("192.0.2.7"), 2 * SYSTEM_PLACES)
        # Its /64: it may come back from another address of it.
        self.assertEqual(self.places("2001:db8::2"), SYSTEM_PLACES)

    def test_a_system_is_known_where_it_came_from_last(self) -> None:
        self.known.system_came("A", "192.0.2.7")
        self.known.system_came("a", "192.0.2.8")
        self.assertEqual(self.places("192.0.2.7"), 0)
        self.assertEqual(self.places("192.0.2.8"), SYSTEM_PLACES)

    def test_one_that_is_removed_leaves_nothing_behind(self) -> None:
        self.known.system_came("A", "192.0.2.7")
        self.known.system_went("a")
        self.known.system_went("never-there")
        self.assertEqual(self.places("192.0.2.7"), 0)
        self.assertEqual((len(self.known._systems), len(self.known._source_of)), (0, 0))

    def test_so_is_the_operator_where_the_password_came_from(self) -> None:
        self.known.operator_came("192.0.2.7")
        self.assertEqual(self.places("192.0.2.7"), OPERATOR_PLACES)

    def test_the_latest_of_these_are_remembered(self) -> None:
        for number in range(MAX_OPERATORS):
            self.known.operator_came(f"192.0.2.{number}")
        self.known.operator_came("192.0.2.0")
        self.known.operator_came("198.51.100.1")
        self.assertEqual(self.places("192.0.2.0"), OPERATOR_PLACES)
        self.assertEqual(self.places("192.0.2.1"), 0)

    def test_so_is_the_machine_itself_but_not_all_of_loopback(self) -> None:
        self.assertEqual(self.places("127.0.0.1"), OPERATOR_PLACES)
        self.assertEqual(self.places("::1"), OPERATOR_PLACES)
        self.assertEqual(self.places("127.0.0.2"), 0)
