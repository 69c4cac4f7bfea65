"""A device end's profile with a device in memory, and the log-ins of both roles."""

from __future__ import annotations

import os
from base64 import b64decode
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.argon2_hash import Recipe
from cfos_cloud.device.consent import Consent
from cfos_cloud.device.consent_file import ConsentFile
from cfos_cloud.device.consents import Consents
from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.grants import Grant, Grants
from cfos_cloud.device.key_grants import KeyGrants
from cfos_cloud.device.login import DeviceLogin
from cfos_cloud.device.profile import Profile
from cfos_cloud.device.profile_authorization import ProfileAuthorization
from cfos_cloud.device.profiles import ProfileSide
from cfos_cloud.keys.consent import consent_of, grant_of
from cfos_cloud.throttle import Throttle
from cfos_cloud.tunnel.control import RpcError
from tests.device.memory_device import Bench
from tests.device.test_login import HandWorker
from tests.memory import Message

SECRET = "the device's own"
CHEAP = Recipe(b"salt of 16 bytes", memory_kib=8, passes=1)
ALICE_ID = "123456789012"


class ProfileCase(SynchronousTestCase):
    profile = Profile.CFOS

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.admin_file = self.directory / "admin"
        self.users_file = self.directory / "users"
        self.bench = Bench(self.answer)
        self.revoked: list[str] = []
        self.start_up()

    def start_up(self) -> None:
        """As when the process begins."""
        bench, clock = self.bench, self.bench.clock
        self.worker = HandWorker()
        self.grants = Grants(
            clock.seconds, os.urandom, lambda grant: self.revoked.append(grant.token)
        )
        self.credentials = Credentials(self.admin_file, self.users_file)
        self.credentials.load()
        self.consents = Consents(ConsentFile(self.directory), clock.seconds)
        self.consents.load_marked()
        self.key_grants = KeyGrants(
            self.consents, lambda grant: self.revoked.append(grant.token)
        )
        self.side = ProfileSide(
            self.profile,
            bench.client,
            self.credentials,
            self.grants,
            self.consents,
            self.key_grants,
            clock,
            self.worker,
        )
        self.login = DeviceLogin(
            self.side.make_prover(Throttle(clock.seconds)), self.grants
        )
        self.authorization = ProfileAuthorization(
            self.side.make_prover(Throttle(clock.seconds)),
            self.consents,
            self.key_grants,
            clock,
            self.worker,
            clock.seconds,
            os.urandom,
        )

    def answer(self, request: Message) -> tuple[int, bytes]:
        """The device's."""
        raise NotImplementedError

    def settle(self) -> None:
        """Whatever can happen now does."""
        while self.worker.jobs or self.bench.device.serve():
            self.worker.work()

    def start(
        self, secret: str = SECRET, role: str = "admin", client: str = "192.0.2.1"
    ) -> Deferred[dict[str, object]]:
        params = {"role": role, "secret": secret, "client": client, "ttl": 3600}
        answer = self.login.login(params)
        self.settle()
        return answer

    def log_in(self, secret: str = SECRET, role: str = "admin") -> Grant:
        answer = self.successResultOf(self.start(secret, role))
        grant = self.grants.find(str(answer["grant"]))
        assert grant is not None
        return grant

    def refusal(self, secret: str = SECRET, role: str = "admin") -> int:
        return self.code(self.start(secret, role))

    def code(self, answer: Deferred[dict[str, object]]) -> int:
        error = self.failureResultOf(answer, RpcError).value
        assert isinstance(error, RpcError)
        return error.code

    def authorise(self, token: bytes, secret: str = SECRET) -> None:
        """Consent to a key."""
        params = {
            "key": consent_of(grant_of(token)),
            "name": "evcc",
            "role": "api",
            "secret": secret,
        }
        answer = self.authorization.authorize(params)
        self.settle()
        self.assertEqual(self.successResultOf(answer), {})

    def consent_to(self, token: bytes) -> Consent | None:
        return self.consents.get(consent_of(grant_of(token)))

    def set_file(self, text: str) -> None:
        """The password that the site gives to the device end."""
        self.admin_file.write_text(text)
        self.credentials.poll()


def basic_of(request: Message) -> str | None:
    """The password that a request brings."""
    value = request.get(b"authorization")
    if value is None:
        return None
    return b64decode(value.removeprefix(b"Basic ")).decode().removeprefix("admin:")
