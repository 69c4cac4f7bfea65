"""The lock of a PostgreSQL database right after the server that had it has stopped."""

from __future__ import annotations

import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.registry import postgresql_dialect
from cfos_cloud.registry_errors import DatabaseError


class Cursor:
    """Refuses the lock so many times; ``holder`` is who is seen to have it."""

    def __init__(self, refusals: int, holder: tuple[int, str] | None = None) -> None:
        self.refusals = refusals
        self.holder = holder
        self.tries = 0
        self._answer: Any = None

    def execute(self, statement: str, parameters: object = ()) -> Cursor:
        if "pg_try_advisory_lock" in statement:
            self.tries += 1
            self._answer = (self.tries > self.refusals,)
        else:
            self._answer = self.holder
        return self

    def fetchone(self) -> Any:
        return self._answer


class LockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.waited: list[float] = []
        self.patch(time, "sleep", self.waited.append)

    def test_a_session_that_is_just_ending_is_waited_for(self) -> None:
        cursor = Cursor(refusals=3)
        postgresql_dialect._prepare(cursor)
        self.assertEqual((cursor.tries, len(self.waited)), (4, 3))

    def test_another_server_is_not(self) -> None:
        cursor = Cursor(refusals=100, holder=(7, "192.0.2.1"))
        with self.assertRaises(DatabaseError) as caught:
            postgresql_dialect._prepare(cursor)
        self.assertIn("(its session 7, from 192.0.2.1)", str(caught.exception))
        self.assertEqual((cursor.tries, self.waited), (1, []))

    def test_nor_is_anything_for_long(self) -> None:
        cursor = Cursor(refusals=10**9)
        self.assertRaises(DatabaseError, postgresql_dialect._prepare, cursor)
        self.assertLessEqual(sum(self.waited), 2.1)
