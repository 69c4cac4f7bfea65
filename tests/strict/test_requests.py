"""
What a target has seen of each vector, however it was cut: just the requests that may
get through, each one well-formed, or none.
"""

from __future__ import annotations

from collections import Counter

from twisted.internet.error import ConnectionLost

from cfos_cloud.http.fields import HOP_BY_HOP
from tests.device.forwarder_support import ForwarderCase
from tests.http.vectors.requests import requests
from tests.http.vectors.vector import RequestVector
from tests.strict.chain import ChainCase
from tests.strict.reader import Request
from tests.strict.target import RecordingTarget
from tests.tree import ROOT

#: Vectors of which no request may get through, of which exactly one may, and of which
#: several may, one after another.
EXPECTED = {"refused": 431, "one": 96, "one after another": 4}

_WRITTEN_ANEW = {b"connection", b"content-length", b"transfer-encoding", b"upgrade"}


def kind(vector: RequestVector) -> str:
    """What may happen to it."""
    if len(vector.bodies) > 1:
        return "one after another"
    return "one" if vector.bodies else "refused"


class WholeWay(ChainCase):
    def check(self, vector: RequestVector, at_a_time: int) -> None:
        client = self.client()
        before = len(self.target.requests)
        self.send(client, self.ours(vector.data), at_a_time)
        seen = self.target.requests[before:]
        bodies = [self.ours(body) for body in vector.bodies]
        self.assertEqual([request.body for request in seen], bodies)
        for request in seen:
            self.assertNotIn(b"smuggled", request.target)
            self.assertEqual(len(request.all(b"cfos-role")), 1)
            self.assertEqual(request.all(b"host"), [b"192.168.1.20"])
            self.check_hop(request)
            if vector.rule == "nominated":
                nominated = "x-hop" in vector.name
                self.assertEqual(request.all(b"x-hop"), [] if nominated else [b"1"])
        answers = self.answers(client, [request.method for request in seen])
        expected = [200] * len(seen)
        if vector.status == 0:
            # The head was good, the body was not: the target sees no end of it.
            self.assertTrue(client.wire.aborted)
        elif vector.status is not None:
            self.assertTrue(client.wire.disconnecting)
            expected.append(vector.status)
        self.assertEqual([answer.status for answer in answers], expected)
        for request, answer in zip(seen, answers, strict=False):
            said = b"" if request.method == b"HEAD" else b"%b %b" % request[:2]
            self.assertEqual(answer.body, said)
        self.leave(client)
        self.assertFalse(self.target.waits)

    def check_hop(self, request: Request) -> None:
        """Nothing that is between two neighbours only, and no other HTTP."""
        names = {name.lower() for name, _ in request.fields}
        self.assertLessEqual(names & HOP_BY_HOP, _WRITTEN_ANEW)
        if b"connection" in names:
            self.assertEqual(request.all(b"connection"), [b"Upgrade"])
            [upgrade] = request.all(b"upgrade")
            self.assertTrue(upgrade.lower().startswith(b"websocket"), upgrade)
            self.assertNotIn(b"h2c", upgrade.lower())
        self.assertEqual(request.all(b"cookie"), [])

    def test_each_vector_is_refused_or_arrives_as_what_it_is(self) -> None:
        counts: Counter[str] = Counter()
        for vector in requests():
            try:
                self.check(vector, 2**15)
                self.check_canary()
            except Exception as error:
                raise AssertionError(
                    f"{vector.rule}: {vector.name}: {error}"
                ) from error
            counts[kind(vector)] += 1
        self.assertEqual(counts, EXPECTED)
        said = (
            f"{counts['refused']} refused, {counts['one']} passed as exactly one "
            f"request, {counts['one after another']} as one after another, 0 others"
        )
        document = (ROOT / "docs" / "security.md").read_text()
        self.assertIn(said, " ".join(document.split()))

    def test_byte_for_byte_it_is_the_same(self) -> None:
        for vector in requests():
            if len(vector.data) > 2_000:
                continue
            try:
                self.check(vector, 1)
            except Exception as error:
                raise AssertionError(
                    f"{vector.rule}: {vector.name}: {error}"
                ) from error
        self.check_canary()


class HostileServer(ForwarderCase):
    """What the device end makes of the same, from a server that has checked nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.recording = self.target = self.pool._endpoint = RecordingTarget()

    def settle(self) -> None:
        self.pump()
        while self.recording.serve():
            self.pump()

    def test_it_trusts_no_server_with_the_form_of_a_request(self) -> None:
        for vector in requests():
            try:
                self.check(vector)
            except Exception as error:
                raise AssertionError(
                    f"{vector.rule}: {vector.name}: {error}"
                ) from error

    def check(self, vector: RequestVector) -> None:
        before = len(self.recording.requests)
        stream = self.open()
        for begin in range(0, len(vector.data), 2**15):
            if not stream.lost:
                self.send(stream, vector.data[begin : begin + 2**15])
                self.settle()
        seen = self.recording.requests[before:]
        self.assertEqual(tuple(request.body for request in seen), vector.bodies)
        if vector.status is not None:
            self.assertEqual(stream.lost, [ConnectionLost])
        if not stream.lost:
            stream.stream.abortConnection()
        self.settle()
        self.assertFalse(self.recording.waits)
