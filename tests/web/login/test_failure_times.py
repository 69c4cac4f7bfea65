"""The time of an answer says nothing of why a log-in has failed."""

from __future__ import annotations

import random
import time

from twisted.internet.defer import Deferred, fail

from cfos_cloud.tunnel.control import RpcError
from cfos_cloud.tunnel.hello import Grant
from cfos_cloud.web.login.pages import FAILURE_AFTER
from tests.kolmogorov_smirnov import told_apart
from tests.web.support import LOGIN, FakeTunnel, PagesTestCase, Reply, a_system

#: Of each kind.
SAMPLES = 60
#: The probability of a false alarm.
ALPHA = 1e-4
#: Why it fails, by the Cloud ID that is asked for.
KINDS = {
    "unknown": "unknown",
    "offline": "offline",
    "disabled": "disabled",
    "wrong secret": "W00-008J",
    "no admin password": "other",
    "slow device": "slow",
    "no Cloud ID": "-",
}


class NoPassword(FakeTunnel):
    """Of a device end without an admin password."""

    def login(self, role: str, secret: str, client: str, ttl: int) -> Deferred[Grant]:
        return fail(RpcError(-32002, "no admin password set"))


class FailureTimeTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.exchange.tunnels["other"] = NoPassword()
        slow = self.exchange.tunnels["slow"] = FakeTunnel()
        slow.is_slow = True
        self.systems.systems["slow"] = a_system("slow")
        self.token = self.browser.token()

    def begin(self, kind: str) -> Reply:
        form = {"cloud_id": KINDS[kind], "cloud_user_id": "wrong", "csrf": self.token}
        return self.browser.post(LOGIN, form)

    def test_it_comes_at_its_second_exactly(self) -> None:
        for kind in KINDS:
            reply = self.begin(kind)
            self.clock.advance(FAILURE_AFTER - 0.001)
            reply.flush()
            self.assertEqual(reply.status, 0, kind)
            self.clock.advance(0.001)
            reply.flush()
            self.assertEqual(reply.status, 401, kind)
            self.clock.advance(60)

    def test_what_is_computed_then_takes_as_long_for_every_kind(self) -> None:
        turns = [kind for kind in KINDS for _ in range(SAMPLES)]
        # In any order, or what happens now and then would happen to one kind.
        random.Random(1).shuffle(turns)  # noqa: S311 - not for secrets
        samples: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for kind in turns:
            reply = self.begin(kind)
            self.clock.advance(FAILURE_AFTER - 0.001)
            began = time.thread_time_ns()
            self.clock.advance(0.001)
            samples[kind].append(time.thread_time_ns() - began)
            reply.flush()
            self.assertEqual(reply.status, 401)
            self.clock.advance(60)
        self.assertEqual(told_apart(samples, ALPHA), [])
