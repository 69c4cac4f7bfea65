"""A quick selection of what ``make slow`` does to a site, at one site."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos import census, visits
from tests.chaos.case import ChaosTestCase
from tests.chaos.database import locked
from tests.chaos.visits import Ending, Visit
from tests.end_to_end.client import Client


class SelectionCase(ChaosTestCase):
    @property
    def kinds(self) -> dict[str, Callable[[Client], Visit]]:
        return {
            "download": visits.download,
            "upload": visits.upload,
            "WebSocket": visits.web_socket,
            "log-in": visits.log_in(self.device.cloud_id),
        }


class SelectionTests(SelectionCase):
    def add(self, cloud_id: str) -> int:
        """The status of the operator's wish for a new system."""
        return self.cloud.answer("POST", "/systems", {"cloud_id": cloud_id}).status

    @contextmanager
    def no_room_for_files(self) -> Iterator[None]:
        """The server can't write beyond a file's first byte, not even its log."""
        pid, limit = self.cloud.process.pid, resource.RLIMIT_FSIZE
        _, hard = resource.prlimit(pid, limit)
        resource.prlimit(pid, limit, (1, hard))
        try:
            yield
        finally:
            resource.prlimit(pid, limit, (hard, hard))

    def test_whatever_breaks_nobody_is_lied_to_and_nothing_is_left(self) -> None:
        self.start()
        self.settle(idle=0.0)
        for process in (self.cloud.process, self.device.process):
            begun = self.begin_all()
            with self.stopped(process):
                time.sleep(0.5)
            endings = self.finish(begun)
            self.assertEqual(set(endings.values()), {Ending.DONE}, process.name)

        with self.no_room_for_files():
            self.assertGreaterEqual(self.add("Refused-1"), 500)
            self.assertEqual(self.browser.get("/").status, 200)
        with locked(self.cloud.data_dir):
            self.assertGreaterEqual(self.add("Refused-2"), 500)
            self.assertEqual(self.browser.get("/").status, 200)
        self.assertEqual(self.add("Kept"), 201)

        begun = self.begin_all()
        self.targets.process.kill()
        endings = self.finish(begun)
        self.assertEqual(endings.pop("log-in"), Ending.DONE)
        self.assert_broken(endings)
        self.targets.restart()

        begun = self.begin_all()
        self.device.process.kill()
        self.assert_broken(self.finish(begun))
        self.device.restart()

        # What it had granted was in its memory.
        self.browser = self.device.client()
        begun = self.begin_all()
        self.cloud.process.kill()
        self.assert_broken(self.finish(begun))
        self.cloud.restart()
        self.wait_online()
        listed = self.cloud.ask("GET", "/systems")["items"]
        self.assertEqual({each["cloud_id"] for each in listed}, {"Chaos", "Kept"})
        self.assert_nothing_is_left()
        self.assert_no_complaints()


class EndToEndTests(SelectionCase):
    end_to_end = True

    def test_nobody_else_ever_answers_and_the_door_keeps_what_is_its_own(self) -> None:
        self.start()
        self.settle(idle=0.0)
        begun = self.begin_all()
        self.cloud.process.kill()
        self.assertEqual(set(self.finish(begun).values()), {Ending.CUT})
        self.cloud.restart()
        self.wait_online()
        # The session is at the door.
        self.assertEqual(self.browser.get("/").status, 200)

        begun = self.begin_all()
        self.device.process.kill()
        self.assert_broken(self.finish(begun))
        self.wait_online(online=False)
        self.assert_offline_is_said()
        self.device.restart()
        self.assertEqual(self.browser.get("/").status, 303)
        self.assert_nothing_is_left()
        self.assert_no_complaints()


class CensusTests(SynchronousTestCase):
    def test_what_there_is_more_of_is_named(self) -> None:
        before = {"files": 9, "timers": 15, "cfos_cloud.relay.relay.Relay": 1}
        after = {"files": 9, "timers": 14, "cfos_cloud.relay.relay.Relay": 2}
        self.assertEqual(
            census.left(before, after),
            ["cfos_cloud.relay.relay.Relay: 2, 1 at first"],
        )
        self.assertEqual(census.left(before, before), [])

    def test_what_was_not_there_before_is_named_too(self) -> None:
        self.assertEqual(census.left({}, {"timers": 1}), ["timers: 1, 0 at first"])
