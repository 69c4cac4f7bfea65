"""The consent to an access key: proven, written down, then answered."""

from __future__ import annotations

import shutil
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.argon2_hash import Recipe
from cfos_cloud.device.authorization import Authorization
from cfos_cloud.device.consent_file import FILE_NAME, ConsentFile
from cfos_cloud.device.consents import MAX_CONSENTS, Consents
from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.grants import Grant
from cfos_cloud.device.key_grants import KeyGrants
from cfos_cloud.device.proof import PATIENCE, Prover
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import RpcError
from tests.device.test_consents import consent
from tests.device.test_login import HandWorker

TOKEN = b"header.claims.signature"
GRANT = grant_of(TOKEN)
#: Seconds since the epoch when a test begins.
NOW = 1_800_000_000.0


class AuthorizationCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.state = self.directory / "state"
        self.state.mkdir()
        self.admin_file = self.directory / "admin"
        self.set_password("admin's\n")
        self.clock = Clock()
        self.revoked: list[Grant] = []
        self.start_up()

    def set_password(self, text: str) -> None:
        """Atomically, as an editor would: no look finds half of it."""
        new = self.directory / "new"
        new.write_text(text)
        new.rename(self.admin_file)

    def start_up(self) -> None:
        """A device end starts."""
        self.worker = HandWorker()
        self.credentials = Credentials(
            self.admin_file,
            None,
            lambda change: self.key_grants.drop_all() if change.admin else None,
        )
        self.credentials.load()
        self.consents = Consents(ConsentFile(self.state), self.now)
        self.consents.load(self.credentials.admin)
        self.key_grants = KeyGrants(self.consents, self.revoked.append)
        prover = Prover(
            self.credentials, Throttle(self.clock.seconds), self.clock, self.worker
        )
        self.authorization = Authorization(
            prover,
            self.consents,
            self.key_grants,
            self.clock,
            self.worker,
            self.now,
            bytes,
        )

    def now(self) -> float:
        return NOW + self.clock.seconds()

    def ask(self, **changes: object) -> Deferred[dict[str, object]]:
        params: dict[str, object] = {
            "key": consent_of(GRANT),
            "name": "evcc",
            "role": "api",
            "secret": "admin's",
        }
        return self.authorization.authorize(params | changes)

    def authorize(self, **changes: object) -> dict[str, object]:
        answer = self.ask(**changes)
        self.worker.work()
        return self.successResultOf(answer)

    def refusal(self, **changes: object) -> int:
        answer = self.ask(**changes)
        self.worker.work()
        return self.code(answer)

    def code(self, answer: Deferred[dict[str, object]]) -> int:
        error = self.failureResultOf(answer, RpcError).value
        assert isinstance(error, RpcError)
        return error.code


class AuthorizeTests(AuthorizationCase):
    def test_the_admin_password_lets_the_key_in(self) -> None:
        self.assertIsNone(self.key_grants.find(GRANT))
        self.assertEqual(self.authorize(), {})
        grant = self.key_grants.find(GRANT)
        assert grant is not None
        self.assertEqual((grant.role, grant.user), ("api", "evcc"))

    def test_it_is_on_the_disk_before_the_answer(self) -> None:
        order: list[str] = []
        write = ConsentFile.write

        def written(file: ConsentFile, kept: object) -> None:
            write(file, kept)  # type: ignore[arg-type]
            order.append("written")

        self.patch(ConsentFile, "write", written)
        answer = self.ask()
        answer.addCallback(lambda _: order.append("answered"))
        self.worker.work()
        self.assertEqual(order, ["written", "answered"])

    def test_it_survives_a_restart_by_a_plain_and_by_a_hashed_password(self) -> None:
        for text in ("admin's", str(Recipe(bytes(16), 8, 1).hash("admin's"))):
            self.set_password(text)
            self.start_up()
            self.authorize(role="admin", expires=self.now() + 60)
            self.start_up()
            grant = self.key_grants.find(GRANT)
            assert grant is not None, text
            self.assertEqual(grant.role, "admin")
            self.clock.advance(60)
            self.assertIsNone(self.key_grants.find(GRANT))
            self.consents.clear()

    def test_a_wrong_secret_keeps_nothing(self) -> None:
        for secret in ("", "wrong", "admin's ", "\ud800"):
            self.assertEqual(self.refusal(secret=secret), -32001)
        self.assertEqual(list(self.state.iterdir()), [])

    def test_without_an_admin_password_nobody_consents(self) -> None:
        for text in ("", "\n", "two\nlines\n"):
            self.set_password(text)
            self.credentials.poll()
            self.assertEqual(self.refusal(), -32002)
            self.assertEqual(self.refusal(secret=""), -32002)

    def test_bad_parameters_are_told_from_bad_secrets(self) -> None:
        wrong: tuple[dict[str, object], ...] = (
            {"key": None},
            {"key": "short"},
            {"key": "é" * 43},
            {"name": ""},
            {"name": "x" * 65},
            {"role": "user"},
            {"role": None},
            {"expires": "tomorrow"},
            {"secret": None},
            {"secret": "x" * 1025},
        )
        for changes in wrong:
            with self.subTest(changes):
                self.assertEqual(self.refusal(**changes), -32602)
        self.assertEqual(self.code(self.authorization.authorize({})), -32602)
        self.assertEqual(self.worker.jobs, [])

    def test_what_is_over_by_our_clock_is_told_from_what_is_no_time(self) -> None:
        for over in (NOW, "2020-01-01T00:00:00Z"):
            self.assertEqual(self.refusal(expires=over), -32005)
        self.assertEqual(self.worker.jobs, [])

    def test_unknown_members_are_ignored(self) -> None:
        self.assertEqual(self.authorize(colour="red", expires=None), {})

    def test_guessing_is_throttled_whoever_it_is(self) -> None:
        codes = [self.refusal(secret="wrong") for _ in range(10)]
        self.assertEqual((codes[0], codes[-1]), (-32001, -32003))
        self.assertEqual(self.refusal(), -32003)
        self.clock.advance(600)
        self.assertEqual(self.authorize(), {})

    def test_guesses_side_by_side_count_before_they_are_answered(self) -> None:
        answers = [self.ask(secret="wrong") for _ in range(10)]
        self.worker.work()
        codes = [self.code(answer) for answer in answers]
        self.assertEqual((codes[0], codes[-1]), (-32001, -32003))

    def test_who_is_overloaded_says_so(self) -> None:
        self.worker.full = True
        self.assertEqual(self.refusal(), -32003)
        self.worker.full = False
        answer = self.ask()
        self.worker.jobs.pop(0)()
        self.worker.full = True
        self.worker.work()
        self.assertEqual(self.successResultOf(answer), {}, "its mark was under way")

    def test_an_overload_between_proof_and_mark_keeps_nothing(self) -> None:
        answer = self.ask()
        self.worker.full = True
        self.worker.work()
        self.assertEqual(self.code(answer), -32003)
        self.assertIsNone(self.key_grants.find(GRANT))

    def test_what_takes_too_long_is_given_up_and_keeps_nothing(self) -> None:
        answer = self.ask()
        self.clock.advance(PATIENCE - 0.2)
        self.worker.jobs.pop(0)()
        self.assertNoResult(answer)
        self.clock.advance(0.2)
        self.assertEqual(self.code(answer), -32003)
        self.worker.work()
        self.assertIsNone(self.key_grants.find(GRANT))

    def test_the_mark_is_made_once(self) -> None:
        self.authorize()
        answer = self.ask(key=consent(2).key)
        self.worker.jobs.pop(0)()
        self.assertEqual(self.successResultOf(answer), {})

    def test_a_password_that_changes_meanwhile_keeps_nothing(self) -> None:
        for steps in (0, 1):
            answer = self.ask()
            for _ in range(steps):
                self.worker.jobs.pop(0)()
            self.set_password(f"another {steps}")
            self.credentials.poll()
            self.worker.work()
            self.assertEqual(self.code(answer), -32001)
            self.assertIsNone(self.key_grants.find(GRANT))
            self.set_password("admin's")
            self.credentials.poll()
        self.assertEqual(list(self.state.iterdir()), [])

    def test_a_disk_that_can_not_be_written_is_an_error_and_no_consent(self) -> None:
        shutil.rmtree(self.state)
        with capturedLogs() as events:
            self.assertEqual(self.refusal(), -32603)
        self.assertIsNone(self.key_grants.find(GRANT))
        lines = [formatEvent(e) for e in events if e["log_level"].name == "warn"]
        self.assertIn("can't be kept: No such file", lines[0])

    def test_where_there_is_no_room_it_is_an_error_that_says_so(self) -> None:
        self.authorize(key=consent(0).key)
        every = [consent(number) for number in range(MAX_CONSENTS)]
        self.consents._consents |= {one.key: one for one in every}
        answer = self.ask()
        self.worker.work()
        error = self.failureResultOf(answer, RpcError).value
        assert isinstance(error, RpcError)
        self.assertEqual(error.code, -32004)
        self.assertIn("200 access keys", error.message)

    def test_no_secret_and_no_hash_is_logged(self) -> None:
        with capturedLogs() as events:
            self.authorize()
            self.refusal(secret="wrong-canary")
            self.key_grants.find(GRANT)
        text = "\n".join(f"{formatEvent(event)} {event!r}" for event in events)
        self.assertIn("evcc", text)
        for secret in ("admin's", "wrong-canary", GRANT, consent_of(GRANT)):
            self.assertNotIn(secret, text)

    def test_neither_is_on_the_disk(self) -> None:
        self.authorize()
        text = (self.state / FILE_NAME).read_text()
        self.assertIn(consent_of(GRANT), text)
        for secret in ("admin's", GRANT, TOKEN.decode()):
            self.assertNotIn(secret, text)


class PasswordTests(AuthorizationCase):
    """What another admin password does to what the old one has let in."""

    def work_with(self) -> Grant:
        self.authorize()
        grant = self.key_grants.find(GRANT)
        assert grant is not None
        return grant

    def test_another_one_ends_it_and_tells_the_server(self) -> None:
        for text in ("another", str(Recipe(bytes(16), 8, 1).hash("x")), "", None):
            self.set_password("admin's")
            self.start_up()
            grant = self.work_with()
            if text is None:
                self.admin_file.unlink()
            else:
                self.set_password(text)
            self.credentials.poll()
            self.assertIsNone(self.key_grants.find(GRANT), text)
            self.assertEqual(self.revoked[-1:], [grant], text)
            self.set_password("admin's")
            self.start_up()
            self.assertIsNone(self.key_grants.find(GRANT), text)
            self.revoked.clear()

    def test_one_that_changed_while_it_was_off_ends_it_for_good(self) -> None:
        for text in ("another", ""):
            self.work_with()
            self.set_password(text)
            self.start_up()
            self.assertIsNone(self.key_grants.find(GRANT))
            self.set_password("admin's")
            self.start_up()
            self.assertIsNone(self.key_grants.find(GRANT), "it is back")

    def test_a_broken_file_decides_nothing_until_it_can_be_read(self) -> None:
        self.work_with()
        self.set_password("two\nlines\n")
        self.credentials.poll()
        self.assertIsNotNone(self.key_grants.find(GRANT))
        self.assertEqual(self.refusal(key=consent(2).key), -32002)
        self.set_password("admin's")
        self.credentials.poll()
        self.assertIsNotNone(self.key_grants.find(GRANT))
        self.set_password("two\nlines\n")
        self.credentials.poll()
        self.set_password("another")
        self.credentials.poll()
        self.assertIsNone(self.key_grants.find(GRANT))
