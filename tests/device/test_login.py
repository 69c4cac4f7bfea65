"""The log-in at the device end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cfos_cloud.device.argon2_hash import Recipe
from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.grants import MAX_TTL, Grants
from cfos_cloud.device.login import DeviceLogin
from cfos_cloud.device.proof import (
    PATIENCE,
    WORKER_THREADS,
    WORKER_WAITING,
    Prover,
)
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.workers import Overloaded, ThreadWorker

CHEAP = Recipe(b"salt of 16 bytes", memory_kib=8, passes=1)
ANNA = f"anna:{CHEAP.hash('111111111111')}\n"


class HandWorker:
    """A worker whose work is done when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.full = False

    def run(
        self, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Deferred[Any]:
        if self.full:
            return fail(Overloaded())
        answer: Deferred[Any] = Deferred()
        self.jobs.append(lambda: answer.callback(function(*args, **kwargs)))
        return answer

    def work(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()

    def stop(self) -> None:
        """There are no threads."""


class DeviceLoginTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.admin_file = directory / "admin"
        self.users_file = directory / "users"
        self.admin_file.write_text("admin's\n")
        self.users_file.write_text(ANNA)
        self.clock = Clock()
        self.worker = HandWorker()
        self.grants = Grants(self.clock.seconds, os.urandom)
        self.credentials = Credentials(self.admin_file, self.users_file)
        self.credentials.load()
        throttle = Throttle(self.clock.seconds)
        self.device_login = DeviceLogin(
            Prover(self.credentials, throttle, self.clock, self.worker), self.grants
        )

    def test_further_devices_are_named_and_the_grant_has_them(self) -> None:
        asked: list[tuple[str, str]] = []

        def devices(role: str, user: str) -> list[str]:
            asked.append((role, user))
            return ["meter", "pv"] if role == "admin" else []

        throttle = Throttle(self.clock.seconds)
        prover = Prover(self.credentials, throttle, self.clock, self.worker)
        self.device_login = DeviceLogin(prover, self.grants, devices)
        answer = self.login(role="admin", secret="admin's")
        self.assertEqual(answer["devices"], [{"name": "meter"}, {"name": "pv"}])
        grant = self.grants.find(str(answer["grant"]))
        assert grant is not None
        self.assertEqual(grant.devices, {"meter", "pv"})
        self.assertNotIn("devices", self.login())
        self.assertEqual(asked, [("admin", "admin"), ("user", "anna")])

    def start(self, **changes: object) -> Deferred[dict[str, object]]:
        params: dict[str, object] = {
            "role": "user",
            "secret": "111111111111",
            "client": "192.0.2.1",
            "ttl": 3600,
            **changes,
        }
        return self.device_login.login(params)

    def login(self, **changes: object) -> dict[str, object]:
        answer = self.start(**changes)
        self.worker.work()
        return self.successResultOf(answer)

    def refusal(self, **changes: object) -> int:
        answer = self.start(**changes)
        self.worker.work()
        return self.code(answer)

    def code(self, answer: Deferred[dict[str, object]]) -> int:
        error = self.failureResultOf(answer, RpcError).value
        assert isinstance(error, RpcError)
        return error.code

    def test_an_id_gives_its_users_grant(self) -> None:
        answer = self.login()
        self.assertEqual((answer["role"], answer["user"]), ("user", "anna"))
        grant = self.grants.find(str(answer["grant"]))
        assert grant is not None
        self.assertEqual((grant.role, grant.user), ("user", "anna"))
        self.assertEqual(grant.expires, 3600)

    def test_the_admin_password_gives_the_admins_grant(self) -> None:
        answer = self.login(role="admin", secret="admin's")
        self.assertEqual((answer["role"], answer["user"]), ("admin", "admin"))

    def test_a_pasted_id_may_bring_spaces_a_password_may_not(self) -> None:
        self.assertEqual(self.login(secret=" 111111111111\n")["user"], "anna")
        self.assertEqual(self.refusal(role="admin", secret="admin's "), -32001)

    def test_one_roles_secret_is_not_the_others(self) -> None:
        self.assertEqual(self.refusal(role="admin", secret="111111111111"), -32001)
        self.assertEqual(self.refusal(role="user", secret="admin's"), -32001)

    def test_a_wrong_secret_gives_no_grant(self) -> None:
        for role in ("admin", "user"):
            for secret in ("", "wrong", "\ud800"):
                self.assertEqual(self.refusal(role=role, secret=secret), -32001)
                self.clock.advance(60)
        self.assertEqual(len(self.grants), 0)

    def test_without_an_admin_password_everybody_is_refused(self) -> None:
        for text in ("", "\n", None):
            if text is None:
                self.admin_file.unlink()
            else:
                self.admin_file.write_text(text)
            self.credentials.poll()
            self.assertEqual(self.refusal(), -32002)
            self.assertEqual(self.refusal(role="admin", secret=""), -32002)
            self.assertEqual(self.refusal(role="admin", secret="admin's"), -32002)

    def test_a_broken_admin_password_refuses_everybody(self) -> None:
        self.admin_file.write_text("two\nlines\n")
        self.credentials.poll()
        self.assertEqual(self.refusal(), -32002)

    def test_bad_parameters_are_told_from_bad_secrets(self) -> None:
        for changes in (
            {"role": "api"},
            {"role": ["admin"]},
            {"secret": 111111111111},
            {"secret": "x" * 1025},
            {"client": None},
            {"client": "x" * 65},
            {"ttl": "3600"},
            {"ttl": 36.5},
            {"ttl": True},
            {"ttl": 0},
            {"ttl": -1},
        ):
            with self.subTest(changes):
                self.assertEqual(self.refusal(**changes), -32602)
        self.assertEqual(self.code(self.device_login.login({})), -32602)

    def test_unknown_members_are_ignored(self) -> None:
        self.assertEqual(self.login(colour="red")["user"], "anna")

    def test_a_longer_life_than_30_days_counts_as_30_days(self) -> None:
        grant = self.grants.find(str(self.login(ttl=10**12)["grant"]))
        assert grant is not None
        self.assertEqual(grant.expires, MAX_TTL)

    def test_a_guesser_is_throttled_and_others_are_not(self) -> None:
        codes = [self.refusal(secret="wrong") for _ in range(10)]
        self.assertEqual(codes[0], -32001)
        self.assertEqual(codes[-1], -32003)
        self.assertEqual(self.refusal(), -32003)
        self.assertEqual(self.login(client="192.0.2.2")["user"], "anna")
        self.clock.advance(600)
        self.assertEqual(self.login()["user"], "anna")

    def test_guesses_side_by_side_count_before_they_are_answered(self) -> None:
        answers = [self.start(secret="wrong") for _ in range(10)]
        self.assertLess(len(self.worker.jobs), 10)
        self.worker.work()
        codes = [self.code(answer) for answer in answers]
        self.assertEqual(codes[0], -32001)
        self.assertEqual(codes[-1], -32003)

    def test_many_log_ins_of_an_owner_are_no_guesses(self) -> None:
        for _ in range(50):
            self.login()

    def test_an_overloaded_device_end_says_so_and_charges_nobody(self) -> None:
        self.worker.full = True
        for _ in range(50):
            self.assertEqual(self.refusal(), -32003)
        self.worker.full = False
        self.login()

    def test_what_takes_too_long_is_given_up_and_gives_no_grant(self) -> None:
        answer = self.start()
        self.clock.advance(PATIENCE)
        self.assertEqual(self.code(answer), -32003)
        self.worker.work()
        self.assertEqual(len(self.grants), 0)

    def test_a_user_removed_while_being_proven_gets_no_grant(self) -> None:
        answer = self.start()
        self.users_file.write_text("")
        self.credentials.poll()
        self.worker.work()
        self.assertEqual(self.code(answer), -32001)
        self.assertEqual(len(self.grants), 0)

    def test_an_admin_password_changed_while_being_proven_gives_no_grant(self) -> None:
        for role, secret in (("admin", "admin's"), ("user", "111111111111")):
            self.setUp()
            answer = self.start(role=role, secret=secret)
            self.admin_file.write_text("another")
            self.credentials.poll()
            self.worker.work()
            self.assertEqual(self.code(answer), -32001)

    def test_no_secret_is_logged(self) -> None:
        with capturedLogs() as events:
            self.login()
            self.login(role="admin", secret="admin's")
            self.refusal(secret="999999999999")
        text = "\n".join(f"{formatEvent(event)} {event!r}" for event in events)
        self.assertIn("192.0.2.1", text)
        for secret in ("111111111111", "admin's", "999999999999"):
            self.assertNotIn(secret, text)


class ThreadTests(TestCase):
    def test_log_ins_are_proven_in_threads(self) -> Deferred[None]:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "admin").write_text(str(Recipe(bytes(16)).hash("admin's")))
        (directory / "users").write_text(
            f"anna:{Recipe(bytes(16)).hash('111111111111')}\n"
        )
        credentials = Credentials(directory / "admin", directory / "users")
        credentials.load()
        worker = ThreadWorker(
            cast(IReactorFromThreads, reactor),
            "log-in",
            threads=WORKER_THREADS,
            waiting=WORKER_WAITING,
        )
        self.addCleanup(worker.stop)
        device_login = DeviceLogin(
            Prover(credentials, Throttle(reactor.seconds), reactor, worker),
            Grants(reactor.seconds, os.urandom),
        )

        def check(answers: list[dict[str, object]]) -> None:
            self.assertEqual([answer["user"] for answer in answers], ["admin", "anna"])

        return gatherResults(
            device_login.login(
                {"role": role, "secret": secret, "client": "192.0.2.1", "ttl": 60}
            )
            for role, secret in (("admin", "admin's"), ("user", "111111111111"))
        ).addCallback(check)
