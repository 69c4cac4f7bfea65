"""What is a Cloud ID, and when two are the same."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id, fold


class CloudIDTests(SynchronousTestCase):
    def test_letters_digits_and_single_hyphens_are_one(self) -> None:
        for text in ("a", "7", "W00-008J", "a-b-c-1", "A" * 40, "0" * 19 + "-" + "z"):
            self.assertEqual(check_cloud_id(text), text)

    def test_anything_else_is_none(self) -> None:
        for text in (
            "",
            "-",
            "-a",
            "a-",
            "a--b",
            "a" * 41,
            "a b",
            "a\n",
            "\na",
            "a_b",
            "a.b",
            "a/b",
            "ä",
            "٣",
            "\u212a",  # the sign for Kelvin, which lower() makes a k
            "a\x00",
        ):
            with self.assertRaises(InvalidCloudID, msg=repr(text)) as caught:
                check_cloud_id(text)
            self.assertNotIn("\n", str(caught.exception))

    def test_case_makes_no_difference(self) -> None:
        self.assertEqual(fold("W00-008J"), fold("w00-008j"))
        self.assertNotEqual(fold("W00-008J"), fold("W00-008I"))
