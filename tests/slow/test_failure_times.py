"""The time of a refused log-in over real sockets says nothing of why it was refused."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from statistics import median
from urllib.parse import urlencode

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN
from tests.kolmogorov_smirnov import told_apart

#: Of each kind, so many systems are asked so often in each round: as often as the
#: throttle lets them, before their debt has faded.
SYSTEMS, TRIES, ROUNDS = 3, 6, 3
ROUND_SECONDS = 36.0
#: Seconds from one attempt to the next: fifteen are under way.
INTERVAL = 0.2
LIMIT = 3.0
#: The probability of a false alarm.
ALPHA = 1e-4


class FailureTimeTests(EndToEndTestCase):
    timeout = 600

    def systems(self) -> dict[str, list[str]]:
        """Cloud IDs by why a log-in to them fails."""
        found: dict[str, list[str]] = {
            "unknown": [f"Nobody-{number}" for number in range(SYSTEMS)],
            "offline": [f"Never-{number}" for number in range(SYSTEMS)],
        }
        for cloud_id in found["offline"]:
            self.server.add_system(cloud_id)
        sites = [self.make_site() for _ in range(2 * SYSTEMS)]
        for site in sites[:SYSTEMS]:
            site.device.set_admin_password("\n")
            site.device.process.wait_for_log("the admin password is empty now")
        ids = [site.device.cloud_id for site in sites]
        return found | {
            "no admin password": ids[:SYSTEMS],
            "wrong secret": ids[SYSTEMS:],
        }

    def attempt(self, cloud_id: str) -> float:
        """Seconds from the request to its answer, which must be the 401."""
        client = self.server.client(source=self.new_source())
        fields = [("Content-Type", "application/x-www-form-urlencoded")]
        connection = client.connection()
        try:
            client.send(connection, "GET", LOGIN)
            page = client.receive(connection).body
            token = page.split(b'name="csrf" value="')[1].split(b'"')[0].decode()
            form = {"cloud_id": cloud_id, "cloud_user_id": "a guess", "admin": "1"}
            body = urlencode({**form, "csrf": token}).encode()
            began = time.perf_counter()
            client.send(connection, "POST", LOGIN, body, fields)
            answer = client.receive(connection)
            seconds = time.perf_counter() - began
        finally:
            connection.close()
        self.assertEqual(answer.status, 401, cloud_id)
        return seconds

    def rounds(self, systems: dict[str, list[str]]) -> Iterator[list[tuple[str, str]]]:
        """Kinds and Cloud IDs, in any order."""
        chance = random.Random(1)  # noqa: S311 - not for secrets
        for _ in range(ROUNDS):
            turns = [(kind, each) for kind, ids in systems.items() for each in ids]
            turns *= TRIES
            chance.shuffle(turns)
            yield turns

    def test_all_kinds_take_as_long(self) -> None:
        systems = self.systems()
        samples: dict[str, list[float]] = {kind: [] for kind in systems}
        threads = self.threads(int(2 * LIMIT / INTERVAL))
        next_round = time.monotonic()
        for turns in self.rounds(systems):
            time.sleep(max(0.0, next_round - time.monotonic()))
            under_way = []
            for kind, cloud_id in turns:
                under_way.append((kind, threads.submit(self.attempt, cloud_id)))
                time.sleep(INTERVAL)
            for kind, answer in under_way:
                samples[kind].append(answer.result())
            next_round = time.monotonic() + ROUND_SECONDS
        for kind, seconds in samples.items():
            self.assertGreaterEqual(min(seconds), LIMIT, kind)
            print(
                f"{kind}: {len(seconds)} answers, {min(seconds):.4f} to "
                f"{max(seconds):.4f} s, median {median(seconds):.4f} s"
            )
        self.assertEqual(told_apart(samples, ALPHA), [])
