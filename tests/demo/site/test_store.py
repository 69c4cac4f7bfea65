"""Settings in their file, and what the site remembers."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.demo.site.memory import FILE_NAME as MEMORY_FILE
from cfos_cloud.demo.site.memory import load_memory, save_memory
from cfos_cloud.demo.site.settings import (
    CloudSettings,
    InvalidSettings,
    SiteSettings,
    WallboxSettings,
    from_text,
    new_serial,
    to_text,
)
from cfos_cloud.demo.site.store import (
    FILE_NAME,
    SettingsError,
    SettingsFull,
    SettingsStore,
    load_settings,
    save_settings,
)
from tests.registry.support import InlineWorker, ManualWorker

texts = st.text(max_size=40).filter(lambda text: text.isprintable())
all_settings = st.builds(
    SiteSettings,
    texts,
    texts,
    st.integers(3_000, 100_000),
    texts,
    st.builds(CloudSettings, st.booleans(), texts, texts, texts),
    st.fixed_dictionaries(
        {
            id_: st.builds(WallboxSettings, texts, st.booleans(), st.floats(6.0, most))
            for id_, most in (("E1", 16.0), ("E2", 32.0))
        }
    ),
    st.dictionaries(texts, st.one_of(st.none(), texts), max_size=3),
)


class SettingsTests(SynchronousTestCase):
    @given(all_settings)
    def test_what_was_written_is_what_is_read(self, settings: SiteSettings) -> None:
        self.assertEqual(from_text(to_text(settings)), settings)

    def test_what_is_broken_is_not_taken(self) -> None:
        good: dict[str, Any] = json.loads(to_text(SiteSettings("W00-008J")))
        from_text(json.dumps({**good, "later": "versions may add something"}))
        changes: tuple[dict[str, object], ...] = (
            {"format": 2},
            {"serial": None},
            {"limit_w": "14000"},
            {"limit_w": 5},
            {"limit_w": True},
            {"cloud": {"enabled": 1, "server": "", "cloud_id": "", "password": ""}},
            {"cloud": []},
            {"wallboxes": {}},
            {"wallboxes": {**good["wallboxes"], "E1": {"name": "x"}}},
            {"users": {"anna": 7}},
        )
        for change in changes:
            self.assertRaises(
                InvalidSettings, from_text, json.dumps({**good, **change})
            )
        for text in ("", "{", "[]", "[" * 100_000):
            self.assertRaises(InvalidSettings, from_text, text)

    def test_a_serial_number_looks_like_the_vendors(self) -> None:
        self.assertRegex(new_serial(), r"\AW00-[0-9A-Z]{4}\Z")

    def test_the_cloud_password_is_in_no_representation(self) -> None:
        settings = SiteSettings("s", cloud=CloudSettings(True, "x", "y", "canary"))
        self.assertNotIn("canary", repr(settings))

    def test_the_first_of_two_owns_a_wallbox(self) -> None:
        settings = SiteSettings("s", users={"a": None, "b": "E1", "c": "E1"})
        self.assertEqual(settings.user_of("E1"), "b")
        self.assertIsNone(settings.user_of("E2"))


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def store(self) -> SettingsStore:
        return SettingsStore(self.directory, InlineWorker())

    def test_a_first_one_has_a_serial_number_that_stays(self) -> None:
        first = self.store().settings
        self.assertEqual(self.store().settings, first)
        self.assertEqual((self.directory / FILE_NAME).stat().st_mode & 0o777, 0o600)

    def test_a_change_is_on_the_disk_before_anybody_is_told(self) -> None:
        worker = ManualWorker()
        self.store()
        store = SettingsStore(self.directory, worker)
        done = ensureDeferred(store.change(lambda s: replace(s, name="Depot")))
        self.assertNoResult(done)
        self.assertNotEqual(store.settings.name, "Depot")
        worker.run_next()
        self.successResultOf(done)
        kept = load_settings(self.directory)
        self.assertEqual((store.settings.name, kept), ("Depot", store.settings))

    def test_changes_side_by_side_lose_nothing(self) -> None:
        worker = ManualWorker()
        self.store()
        store = SettingsStore(self.directory, worker)
        first = ensureDeferred(store.change(lambda s: replace(s, name="Depot")))
        second = ensureDeferred(store.change(lambda s: replace(s, limit_w=9_000)))
        worker.run_next()
        worker.run_next()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(
            (store.settings.name, store.settings.limit_w), ("Depot", 9_000)
        )

    def test_a_disk_that_is_full_changes_nothing(self) -> None:
        store = self.store()
        before = store.settings
        with patch.object(os, "fsync", side_effect=OSError(28, "No space left")):
            change = ensureDeferred(store.change(lambda s: replace(s, name="x")))
        self.failureResultOf(change, OSError)
        self.assertEqual((store.settings, self.store().settings), (before, before))
        again = ensureDeferred(store.change(lambda s: replace(s, name="y")))
        self.assertEqual(self.successResultOf(again).name, "y")

    def test_more_than_can_be_read_again_is_not_written(self) -> None:
        users = {f"user-{number:05}": "E1" for number in range(5_000)}
        self.assertRaises(
            SettingsFull,
            save_settings,
            self.directory,
            SiteSettings("s", users=users),
        )

    def test_a_broken_file_is_named_in_one_line(self) -> None:
        (self.directory / FILE_NAME).write_text("{")
        error = self.assertRaises(SettingsError, self.store)
        self.assertIn(str(self.directory / FILE_NAME), str(error))
        self.assertIn("delete it", str(error))
        self.assertNotIn("\n", str(error))


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def test_what_was_saved_is_there(self) -> None:
        self.assertIsNone(load_memory(self.directory))
        save_memory(self.directory, {"time": 1.5})
        self.assertEqual(load_memory(self.directory), {"time": 1.5})

    def test_what_is_broken_is_forgotten(self) -> None:
        for text in ("{", "[]", "\xff"):
            (self.directory / MEMORY_FILE).write_bytes(text.encode("latin-1"))
            self.assertIsNone(load_memory(self.directory))
