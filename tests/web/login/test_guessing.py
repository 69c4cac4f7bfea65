"""Ten thousand guesses, by a real device end's log-in behind a real guard."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from cfos_cloud.device.credentials import Credentials
from cfos_cloud.device.grants import Grants
from cfos_cloud.device.login import DeviceLogin
from cfos_cloud.device.proof import TOLERANCE as DEVICE_TOLERANCE
from cfos_cloud.device.proof import Prover
from cfos_cloud.gateway.known_browsers import KnownBrowsers
from cfos_cloud.gateway.login import Authenticator, LoginFailed
from cfos_cloud.gateway.sessions import Session, SessionTable
from cfos_cloud.throttle import PENALTY, TOLERANCE, Throttle
from cfos_cloud.tunnel.hello import Grant
from cfos_cloud.web.csrf import Csrf
from cfos_cloud.web.login.guard import LoginGuard
from cfos_cloud.web.login.throttled import Throttled
from cfos_cloud.web.visitor import Visitor
from tests.device.tunnel_server import AtOnce
from tests.web.support import FakeSystems

CLOUD_ID = "W00-008J"
SECRET = "the admin's own"
GUESSES = 10_000
#: Seconds that all guesses take.
ATTACK = 600.0
#: How many can come to the device, by one key of the throttle: those that are free,
#: the one that goes over, and what fades meanwhile.
TRIED = int(TOLERANCE / PENALTY) + 1 + int(ATTACK / PENALTY)
OWNER = "198.51.100.7"
MANY = [f"203.0.{n // 250}.{n % 250}" for n in range(250)] + [
    f"2001:db8:{n:x}::1" for n in range(250)
]


class DeviceEnd:
    """One tunnel, to a device end that proves for itself."""

    def __init__(self, login: DeviceLogin) -> None:
        self._login = login
        self.asked = 0

    def session(self, cloud_id: str) -> DeviceEnd | None:
        return self if cloud_id == CLOUD_ID else None

    def login(self, role: str, secret: str, client: str, ttl: int) -> Deferred[Grant]:
        self.asked += 1
        params = {"role": role, "secret": secret, "client": client, "ttl": ttl}

        def granted(answer: dict[str, object]) -> Grant:
            grant, role, user = (str(answer[n]) for n in ("grant", "role", "user"))
            return Grant(grant, role, user)

        return self._login.login(params).addCallback(granted)

    def logout(self, grant: str) -> None:
        """It has no sessions to end."""


def post(form: dict[str, str]) -> Any:
    """A request with a form in it, as far as the guard looks at one."""
    return SimpleNamespace(
        method=b"POST",
        uri=b"/ui/en/cloud-login.htm",
        requestHeaders=Headers(
            {b"content-type": [b"application/x-www-form-urlencoded"]}
        ),
        content=BytesIO(urlencode(form).encode()),
    )


class GuessingTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "admin").write_text(SECRET)
        self.clock = Clock()
        credentials = Credentials(directory / "admin", None)
        credentials.load()
        at_the_device = Throttle(self.clock.seconds, tolerance=DEVICE_TOLERANCE)
        prover = Prover(credentials, at_the_device, self.clock, AtOnce())
        grants = Grants(self.clock.seconds, os.urandom)
        self.device = DeviceEnd(DeviceLogin(prover, grants))
        self.sessions = SessionTable(self.clock.seconds)
        self.csrf, self.known = Csrf(b"k" * 32), KnownBrowsers(b"k" * 32)
        self.nonce = self.csrf.new_nonce()
        self.use(Throttle(self.clock.seconds))

    def use(self, throttle: Throttle) -> None:
        self.throttle = throttle
        self.guard = LoginGuard(
            Authenticator(self.device, self.sessions, self.clock),
            FakeSystems(),
            throttle,
            self.known,
            self.csrf,
        )

    def try_it(
        self,
        address: str,
        cloud_id: str = CLOUD_ID,
        secret: str = "a guess",
        cookie: bytes | None = None,
    ) -> Session | Exception:
        """What comes of one attempt."""
        form = {
            "cloud_id": cloud_id,
            "cloud_user_id": secret,
            "admin": "1",
            "csrf": self.csrf.token(self.nonce),
        }
        visitor = Visitor(
            "en", True, address, b"", None, (self.nonce,), cookie, prefill=None
        )
        trying = Deferred.fromCoroutine(self.guard.log_in(post(form), visitor))
        outcome: list[Session | Failure] = []
        trying.addBoth(outcome.append)
        result = outcome[0]
        if not isinstance(result, Failure):
            return result
        assert isinstance(result.value, LoginFailed | Throttled), result
        return result.value

    def attack(
        self,
        addresses: Iterable[str],
        cloud_ids: Iterable[str],
        guesses: int = GUESSES,
    ) -> int:
        """How many of the guesses were tried."""
        sources, names = list(addresses), list(cloud_ids)
        tried = 0
        for number in range(guesses):
            self.clock.advance(ATTACK / guesses)
            source, name = sources[number % len(sources)], names[number % len(names)]
            tried += isinstance(self.try_it(source, name), LoginFailed)
        return tried

    def owner_s_cookie(self) -> bytes:
        """Of a browser that has logged in before."""
        return self.known.remember(None, CLOUD_ID, "admin", "admin")

    def assert_owner_gets_in(self, *addresses: str) -> None:
        for address in addresses:
            found = self.try_it(address, CLOUD_ID, SECRET, self.owner_s_cookie())
            self.assertIsInstance(found, Session, address)

    def test_from_one_address_at_one_system(self) -> None:
        self.assertLessEqual(self.attack([MANY[0]], [CLOUD_ID]), TRIED)
        self.assertLessEqual(self.device.asked, TRIED)
        self.assertEqual(len(self.throttle), 3)
        # From elsewhere, and from behind the guesser's router.
        self.assert_owner_gets_in(OWNER, MANY[0])

    def test_from_500_addresses_at_one_system(self) -> None:
        self.assertLessEqual(self.attack(MANY, [CLOUD_ID]), TRIED)
        self.assertLessEqual(self.device.asked, TRIED)
        self.assertLessEqual(len(self.throttle), 2 * len(MANY) + 1)
        self.assert_owner_gets_in(OWNER, MANY[0], MANY[-1])
        # Who has never logged in with this browser waits, but not for long.
        stranger = self.try_it("192.0.2.1", CLOUD_ID, SECRET)
        assert isinstance(stranger, Throttled)
        self.assertLessEqual(stranger.seconds, PENALTY)
        # Other systems don't notice.
        self.assertIsInstance(self.try_it("192.0.2.1", "other"), LoginFailed)

    def test_from_one_address_at_a_thousand_systems(self) -> None:
        names = [f"id-{number}" for number in range(1_000)]
        self.assertLessEqual(self.attack([MANY[0]], names, 1_000), TRIED)
        self.assert_owner_gets_in(OWNER, MANY[0])

    def test_from_500_addresses_at_ten_thousand_systems_the_table_is_bounded(
        self,
    ) -> None:
        bound = 1_000
        self.use(Throttle(self.clock.seconds, max_keys=bound))
        names = [f"id-{number}" for number in range(GUESSES)]
        # Each of them guesses so seldom that it is let.
        self.assertEqual(self.attack(MANY, names), GUESSES)
        self.assertLessEqual(len(self.throttle), bound)
        self.assert_owner_gets_in(OWNER, *MANY[:3])

    def test_a_household_has_one_source_however_many_addresses(self) -> None:
        household = [f"2001:db8::{number:x}" for number in range(1, 1_000)]
        names = [f"id-{number}" for number in range(1_000)]
        self.assertLessEqual(self.attack(household, names, 1_000), TRIED)

    def test_who_is_known_may_guess_no_more_than_others(self) -> None:
        cookie = self.owner_s_cookie()
        outcomes = [self.try_it(OWNER, cookie=cookie) for _ in range(100)]
        tried = sum(isinstance(each, LoginFailed) for each in outcomes)
        self.assertEqual(tried, int(TOLERANCE / PENALTY) + 1)
