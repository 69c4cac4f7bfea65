"""Which language a browser wants."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.languages import NAMES, SUPPORTED, choose


class ChooseTests(SynchronousTestCase):
    def test_the_table_of_wishes(self) -> None:
        for wish, language in (
            (None, "en"),
            ("", "en"),
            ("de", "de"),
            ("DE-at", "de"),
            ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt"),
            ("fr, de;q=0.5", "de"),
            ("fr", "en"),
            ("en;q=0.3, de;q=0.7, pt;q=0.5", "de"),
            ("de, pt", "de"),
            ("pt, de", "pt"),
            ("*", "en"),
            ("de;q=0, *", "en"),
            ("en;q=0, de;q=0.1", "de"),
            ("*;q=0.5, pt;q=0.3", "en"),
            ("*;q=0.1, pt;q=0.3", "pt"),
            ("de;q=0", "en"),
            ("de;q=0, de-AT;q=0.4", "de"),
            ("zh-Hant-TW, de ; q=0.4", "de"),
            ("de;Q=1.000", "de"),
        ):
            self.assertEqual(choose(wish), language, wish)

    def test_garbage_is_passed_over(self) -> None:
        for wish in (
            ",,,",
            ";q=1",
            "de;q=2x",
            "de;q=",
            "deutsch-land-und-noch-viel-mehr-als-acht",
            "d\x00e",
            "ü",
            "de;level=1",
            "\r\nde\r\nx",
        ):
            self.assertEqual(choose(wish), "en", wish)
            self.assertEqual(choose(f"{wish},pt"), "pt", wish)

    def test_a_very_long_wish_is_read_in_part(self) -> None:
        self.assertEqual(choose("fr," * 1_000_000 + "de"), "en")

    @given(st.text())
    def test_the_answer_is_always_a_language_of_ours(self, wish: str) -> None:
        self.assertIn(choose(wish), SUPPORTED)

    def test_every_language_has_a_name(self) -> None:
        self.assertEqual(tuple(NAMES), SUPPORTED)
