"""What a key is, and when it works."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.keys.key import AccessKey, KeyState, Role
from tests.keys.workshop import START

SECOND = timedelta(seconds=1)
KEY = AccessKey(
    id="id",
    cloud_id="CFOS-1",
    name="evcc",
    role=Role.API,
    kid="kid",
    consent="consent",
    created=START,
)


class StateTests(SynchronousTestCase):
    def test_only_an_authorised_one_works(self) -> None:
        authorised = replace(KEY, authorised=START)
        for key, state in (
            (KEY, KeyState.PENDING),
            (authorised, KeyState.AUTHORISED),
            (replace(authorised, expires=START + SECOND), KeyState.AUTHORISED),
            (replace(authorised, expires=START), KeyState.EXPIRED),
            (replace(KEY, expires=START), KeyState.EXPIRED),
            (replace(KEY, revoked=START), KeyState.REVOKED),
            (replace(authorised, revoked=START), KeyState.REVOKED),
            (replace(authorised, revoked=START, expires=START), KeyState.REVOKED),
        ):
            self.assertIs(key.state(START), state)
            self.assertEqual(key.works(START), state is KeyState.AUTHORISED)

    def test_it_ends_in_the_very_second(self) -> None:
        key = replace(KEY, authorised=START, expires=START + 2 * SECOND)
        self.assertTrue(key.works(START + SECOND))
        self.assertFalse(key.works(START + 2 * SECOND))
        self.assertTrue(key.works(START))

    def test_its_scope_is_its_system_or_the_cloud(self) -> None:
        self.assertEqual(KEY.scope, "CFOS-1")
        self.assertEqual(replace(KEY, cloud_id=None).scope, "cloud")
