"""Systems found, sorted and paged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.cursor import make_cursor
from cfos_cloud.registry import InvalidCursor, Order, System, SystemQuery
from cfos_cloud.registry.search import FoundSystems, search
from tests.registry.support import NOON, verifier


@dataclass(frozen=True)
class Presence:
    online: bool = False
    bytes_in: int = 0
    bytes_out: int = 0


class Presences:
    def __init__(self) -> None:
        self.present: dict[str, Presence] = {}

    def presence(self, cloud_id: str) -> Presence:
        return self.present.get(cloud_id, Presence())


class SearchCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.presences = Presences()
        self.systems: list[System] = []

    def add(
        self, cloud_id: str, name: str = "", *, online: bool = False, **more: object
    ) -> None:
        system = System(cloud_id, name, verifier(), enabled=True, created=NOON)
        self.systems.append(replace(system, **more))  # type: ignore[arg-type]
        if online:
            self.presences.present[cloud_id] = Presence(online=True)

    def search(self, query: SystemQuery) -> FoundSystems:
        return search(self.systems, query, self.presences)

    def ids(self, query: SystemQuery | None = None, **wanted: object) -> list[str]:
        """Of all pages of one system each, which are what one page of all is."""
        query = replace(query or SystemQuery(), **wanted)  # type: ignore[arg-type]
        whole = [one.cloud_id for one in self.search(query).items]
        single: list[str] = []
        cursor: str | None = None
        for _ in range(len(self.systems) + 1):
            page = self.search(replace(query, limit=1, cursor=cursor))
            self.assertEqual(page.total, len(whole))
            single += [one.cloud_id for one in page.items]
            cursor = page.next
            if cursor is None:
                break
        self.assertEqual(single, whole)
        return whole


class TextTests(SearchCase):
    def setUp(self) -> None:
        super().setUp()
        self.add("Garage-7", "Depot Süd")
        self.add("Barn", "Meier's garage")
        self.add("X-1", "ΣΊΣΥΦΟΣ")
        self.add("X-2")

    def test_a_part_of_id_or_name_is_enough_in_any_case(self) -> None:
        self.assertEqual(self.ids(text="GARAGE"), ["Barn", "Garage-7"])
        self.assertEqual(self.ids(text="e-7"), ["Garage-7"])
        self.assertEqual(self.ids(text="sÜD"), ["Garage-7"])
        self.assertEqual(self.ids(text="σίσυφος"), ["X-1"])
        self.assertEqual(self.ids(text="nothing"), [])
        self.assertEqual(len(self.ids(text="")), 4)

    def test_accents_count_however_they_are_typed(self) -> None:
        self.assertEqual(self.ids(text="Su\N{COMBINING DIAERESIS}d"), ["Garage-7"])

    def test_states_filter_too(self) -> None:
        self.add("On", online=True)
        self.add("Off", enabled=False)
        self.assertEqual(self.ids(online=True), ["On"])
        self.assertEqual(len(self.ids(online=False)), 5)
        self.assertEqual(self.ids(enabled=False), ["Off"])
        self.assertEqual(len(self.ids(enabled=True)), 5)
        self.assertEqual(self.ids(text="o", online=True), ["On"])


class OrderTests(SearchCase):
    def test_by_id_without_case(self) -> None:
        for cloud_id in ("b", "C", "a", "B-1", "9"):
            self.add(cloud_id)
        self.assertEqual(self.ids(), ["9", "a", "b", "B-1", "C"])

    def test_by_name_the_nameless_last(self) -> None:
        for cloud_id, name in (("1", "beta"), ("2", ""), ("3", "Alpha"), ("4", "beta")):
            self.add(cloud_id, name)
        self.assertEqual(self.ids(order=Order.NAME), ["3", "1", "4", "2"])

    def test_online_first(self) -> None:
        self.add("1", "a")
        self.add("2", "b", online=True)
        self.add("3", "c")
        self.add("4", "a", online=True)
        self.assertEqual(self.ids(order=Order.ONLINE), ["4", "2", "1", "3"])

    def test_by_when_they_were_seen(self) -> None:
        self.add("never")
        self.add("long", last_seen=NOON - timedelta(days=3))
        self.add("lately", last_seen=NOON)
        self.add("now", online=True, last_seen=NOON - timedelta(days=9))
        self.assertEqual(
            self.ids(order=Order.LAST_SEEN), ["now", "lately", "long", "never"]
        )
        self.assertEqual(
            self.ids(order=Order.OFFLINE), ["long", "lately", "never", "now"]
        )

    def test_by_when_they_were_made(self) -> None:
        self.add("old", created=NOON - timedelta(days=3))
        self.add("new")
        self.assertEqual(self.ids(order=Order.CREATED), ["new", "old"])

    def test_by_traffic_with_that_of_the_present_connection(self) -> None:
        self.add("little", bytes_in=5)
        self.add("much", bytes_out=1000)
        self.add("most", bytes_in=999)
        self.presences.present["most"] = Presence(True, 1, 1)
        self.assertEqual(self.ids(order=Order.TRAFFIC), ["most", "much", "little"])


class PageTests(SearchCase):
    def test_a_cursor_survives_what_happens_between_pages(self) -> None:
        for cloud_id in ("a", "b", "d"):
            self.add(cloud_id)
        cursor = self.search(SystemQuery(limit=2)).next
        del self.systems[1]
        self.add("c")
        page = self.search(SystemQuery(limit=2, cursor=cursor))
        self.assertEqual([one.cloud_id for one in page.items], ["c", "d"])

    def test_a_cursor_is_only_what_a_page_of_that_order_gave(self) -> None:
        for cloud_id in ("a", "b"):
            self.add(cloud_id)
        of_another = self.search(SystemQuery(order=Order.NAME, limit=1)).next
        for bad in (
            "",
            "!",
            "é",
            "x" * 5000,
            of_another,
            make_cursor([]),
            make_cursor(["cloud_id"]),
            make_cursor(["cloud_id", 7]),
            make_cursor(["cloud_id", "a", "b"]),
            make_cursor(["cloud_id", None]),
        ):
            query = SystemQuery(limit=1, cursor=bad)
            self.assertRaises(InvalidCursor, self.search, query)
        for position in (["online", True, 0, "", "a"], ["online", "0", 0, "", "a"]):
            query = SystemQuery(order=Order.ONLINE, cursor=make_cursor(position))
            self.assertRaises(InvalidCursor, self.search, query)

    def test_a_limit_is_1_to_500(self) -> None:
        for bad in (0, -1, 501):
            self.assertRaises(ValueError, self.search, SystemQuery(limit=bad))
        self.assertEqual(self.search(SystemQuery(limit=500)).items, ())

    def test_ten_thousand_are_paged_in_every_order(self) -> None:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        for number in range(10_000):
            self.add(
                f"S-{number * 7919 % 10_000:04}",
                f"Site {number % 100}",
                online=number % 3 == 0,
                last_seen=start + timedelta(minutes=number * 31 % 5000),
            )
        for order in Order:
            seen: set[str] = set()
            cursor: str | None = None
            for _ in range(20):
                page = self.search(SystemQuery(order=order, limit=500, cursor=cursor))
                self.assertEqual(page.total, 10_000)
                seen |= {one.cloud_id for one in page.items}
                cursor = page.next
            self.assertIsNone(cursor)
            self.assertEqual(len(seen), 10_000, order)
