"""Which certificate a client gets, by the name that it asks for."""

from __future__ import annotations

from datetime import timedelta

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate_choice import CertificateChoice, replaces
from tests.listener.authority import NOW
from tests.listener.several import certificate_for

DAY = timedelta(days=1)


class NameTests(SynchronousTestCase):
    def test_the_very_name_comes_before_a_wildcard(self) -> None:
        exact, wild = certificate_for("a.example"), certificate_for("*.example")
        for order in ([exact, wild], [wild, exact]):
            choice = CertificateChoice(order)
            self.assertIs(choice.by_name("a.example", NOW), exact)
            self.assertIs(choice.by_name("b.example", NOW), wild)

    def test_a_wildcard_stands_for_one_label(self) -> None:
        choice = CertificateChoice([certificate_for("*.cloud.example")])
        for name in ("cloud.example", ".cloud.example", "a.b.cloud.example", "*", ""):
            self.assertIsNone(choice.by_name(name, NOW), name)
        self.assertIsNotNone(choice.by_name("w00-008j.cloud.example", NOW))

    def test_nobody_is_called_by_a_wildcard(self) -> None:
        choice = CertificateChoice([certificate_for("*.example")])
        for name in ("*.example", "*.*.example", "*"):
            self.assertIsNone(choice.by_name(name, NOW), name)

    def test_neither_case_nor_a_dot_at_the_end_matters(self) -> None:
        one = certificate_for("Cloud.EXAMPLE", "*.Sites.example.")
        choice = CertificateChoice([one])
        for name in ("cloud.example", "CLOUD.example.", "a.SITES.example"):
            self.assertIs(choice.by_name(name, NOW), one, name)

    def test_of_two_for_a_name_the_one_imported_later_comes_first(self) -> None:
        later, earlier = certificate_for("a.example"), certificate_for("a.example")
        choice = CertificateChoice([later, earlier])
        self.assertIs(choice.by_name("a.example", NOW), later)

    def test_one_that_is_valid_comes_before_one_that_is_not(self) -> None:
        expired = certificate_for("a.example", start=NOW - 9 * DAY, end=NOW - DAY)
        early = certificate_for("a.example", start=NOW + DAY)
        wild = certificate_for("*.example")
        choice = CertificateChoice([expired, early, wild])
        self.assertIs(choice.by_name("a.example", NOW), wild)
        self.assertIs(choice.by_name("a.example", NOW + 2 * DAY), early)
        self.assertIs(choice.by_name("a.example", NOW - 2 * DAY), expired)

    def test_one_that_is_out_of_date_is_better_than_one_for_other_names(self) -> None:
        expired = certificate_for("a.example", start=NOW - 9 * DAY, end=NOW - DAY)
        choice = CertificateChoice([certificate_for("b.example"), expired])
        self.assertIs(choice.by_name("a.example", NOW), expired)


class DefaultTests(SynchronousTestCase):
    def test_it_is_the_one_for_the_main_name(self) -> None:
        main = certificate_for("cloud.example", "*.cloud.example")
        others = certificate_for("a.example"), certificate_for()
        choice = CertificateChoice([*others, main], "Cloud.Example")
        self.assertIs(choice.default(NOW), main)

    def test_else_the_one_that_was_imported_last(self) -> None:
        first, last = certificate_for("a.example"), certificate_for("b.example")
        for main in (None, "cloud.example"):
            self.assertIs(CertificateChoice([last, first], main).default(NOW), last)

    def test_one_that_is_valid_comes_first(self) -> None:
        expired = certificate_for("b.example", start=NOW - 9 * DAY, end=NOW - DAY)
        valid = certificate_for("a.example")
        self.assertIs(CertificateChoice([expired, valid]).default(NOW), valid)
        self.assertIs(CertificateChoice([expired]).default(NOW), expired)


class ReplaceTests(SynchronousTestCase):
    def test_one_with_all_its_names_replaces_another(self) -> None:
        for new, old, answer in (
            (("a.example",), ("A.example",), True),
            (("a.example", "b.example"), ("b.example",), True),
            (("a.example",), ("a.example", "b.example"), False),
            (("*.example",), ("a.example",), False),
            (("a.example",), ("*.example",), False),
            ((), (), True),
            (("a.example",), (), False),
            ((), ("a.example",), False),
            (("192.0.2.1",), ("192.0.2.1",), True),
        ):
            found = replaces(certificate_for(*new), certificate_for(*old))
            self.assertEqual(found, answer, (new, old))
