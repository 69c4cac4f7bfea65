"""The vectors of requests over real sockets, through a real server and device end."""

from __future__ import annotations

import contextlib
import hashlib

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import Client, Wire
from tests.http.vectors.requests import requests
from tests.http.vectors.vector import TOKEN, RequestVector
from tests.strict.reader import Response, is_strict_head, read_responses


class RequestTests(EndToEndTestCase):
    """Without TLS, so that an end of the connection is just that."""

    def test_each_is_refused_or_arrives_as_what_it_is(self) -> None:
        client = self.site.device.client(tls=False)
        token = client.cookies["cfos"].encode()
        self.assertEqual(len(token), len(TOKEN))
        # Of those whose body breaks off the target may hear later: they come last.
        for vector in sorted(requests(), key=lambda vector: vector.status == 0):
            try:
                self.check(client, vector, token)
            except Exception as error:
                name = f"{vector.rule}: {vector.name}: {error}"
                raise AssertionError(name) from error

    def check(self, client: Client, vector: RequestVector, token: bytes) -> None:
        before = len(self.target.requests)
        wire = client.wire()
        try:
            # It may be cut while it still sends.
            with contextlib.suppress(ConnectionError):
                wire.send(vector.data.replace(TOKEN, token))
            answers = self.answers(wire, vector)
        finally:
            wire.close()
        whole = [each for each in self.target.requests[before:] if each.body_was_read]
        for request in whole:
            self.assertTrue(is_strict_head(request.head), request.head)
            self.assertNotIn("smuggled", request.target)
        self.assertEqual(len(whole), len(vector.bodies))
        good = [answer for answer in answers if answer.status == 200]
        for answer, body in zip(good, vector.bodies, strict=True):
            fields = dict(answer.fields)
            digest = hashlib.sha256(body.replace(TOKEN, token)).hexdigest()
            self.assertEqual(fields[b"x-body-hash"], digest.encode())
        others = [answer.status for answer in answers if answer.status != 200]
        if vector.status is None:
            self.assertEqual(others, [])
        else:
            # What the client has sent in vain may cost it the answer.
            self.assertIn(others, ([vector.status], []))

    def answers(self, wire: Wire, vector: RequestVector) -> list[Response]:
        """As many as there should be, or all to the end where something is refused."""
        methods = [vector.data.lstrip().split(b" ")[0]] * len(vector.bodies)
        methods = [b"HEAD" if method == b"HEAD" else b"GET" for method in methods]
        if vector.status is not None:
            return read_responses(wire.read_all(), methods, True)
        data, answers = b"", list[Response]()
        while len([each for each in answers if each.body is not None]) < len(methods):
            more = wire.read_some()
            self.assertNotEqual(more, b"", "the connection ended")
            data += more
            if b"\r\n\r\n" in data:
                answers = read_responses(data, methods, False)
        return answers
