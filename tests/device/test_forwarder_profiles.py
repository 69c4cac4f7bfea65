"""Requests of log-ins that the device itself has let in."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from cfos_cloud.device.forwarder import Forwarder
from cfos_cloud.device.grants import Grant
from cfos_cloud.device.profile import Carried
from cfos_cloud.device.request_stream import TargetSide
from cfos_cloud.device.target_header import TargetHeader
from cfos_cloud.device.targets import Targets
from cfos_cloud.http.message import RequestHead, ResponseHead
from tests.device.forwarder_support import (
    GET,
    SWITCHING,
    UPGRADE,
    ForwarderCase,
    ServerStream,
    TunnelEnd,
    post,
)

LINE = b"Authorization: Bearer ours\r\n"


class Kept:
    """A credential that the test changes as it likes."""

    secret = "secret"

    def __init__(self) -> None:
        self.header: TargetHeader | None = TargetHeader(((b"authorization", LINE),))
        self.waits: Deferred[None] | None = None
        self.cancelled = 0
        self.doubts = 0

    def wait(self) -> None:
        """Requests wait from now on."""
        self.waits = Deferred(self._cancel)

    def go_on(self) -> None:
        waits, self.waits = self.waits, None
        assert waits is not None
        waits.callback(None)

    def _cancel(self, waits: Deferred[None]) -> None:
        self.cancelled += 1

    def renewal(self) -> Deferred[None] | None:
        return self.waits

    def doubt(self) -> None:
        self.doubts += 1

    def outranks(self, own: bytes) -> bool:
        return own.startswith(b"Basic")


class Policy:
    """Refuses ``/secret``, hides ``X-Hidden`` both ways, and doubts after a 401."""

    def request(self, grant: Carried, head: RequestHead) -> RequestHead:
        fields = [each for each in head.fields if each[0] != b"x-hidden"]
        return head._replace(fields=fields)

    def refuses(self, grant: Carried, head: RequestHead) -> bool:
        return head.target == b"/secret"

    def response(self, grant: Carried, head: ResponseHead) -> ResponseHead:
        fields = [each for each in head.fields if each[0] != b"x-hidden"]
        return head._replace(fields=fields)

    def doubts(self, head: RequestHead, status: int) -> bool:
        return status == 401


class ProfileStreamTests(ForwarderCase):
    def setUp(self) -> None:
        super().setUp()
        self.kept = Kept()
        forwarder = Forwarder(
            self.grants,
            Targets(TargetSide(self.pool, b"http://192.168.1.20", policy=Policy())),
            self.clock,
            self.unknown.append,
        )
        listener = self.device._listener
        assert isinstance(listener, TunnelEnd)
        listener.forwarder = forwarder
        self.own = self.grants.issue("admin", "admin", 10_000, self.kept)

    def ask(self, data: bytes, grant: Grant | None = None) -> ServerStream:
        return self.open(data, self.preamble(grant or self.own))

    def credentials(self) -> list[bytes]:
        """What the last request has brought to the target."""
        return self.target.last.requests()[-1].all(b"authorization")

    def with_own(self, value: bytes) -> bytes:
        return GET.replace(b"\r\n\r\n", b"\r\nAuthorization: " + value + b"\r\n\r\n")

    def test_a_request_has_what_its_log_in_has(self) -> None:
        stream = self.ask(GET)
        self.answer(self.accept())
        self.assertEqual(self.credentials(), [b"Bearer ours"])
        self.assertEqual(stream.one().status, 200)

    def test_an_upgrade_has_it_too(self) -> None:
        self.ask(UPGRADE)
        self.accept().send(SWITCHING)
        self.assertEqual(self.credentials(), [b"Bearer ours"])

    def test_the_browsers_own_stays_unless_it_is_outranked(self) -> None:
        for value, seen in (
            (b"Bearer own", b"Bearer own"),
            (b"Basic x", b"Bearer ours"),
        ):
            self.ask(self.with_own(value))
            if self.target.attempts:
                self.accept()
            self.answer(self.target.last)
            self.assertEqual(self.credentials(), [seen])

    def test_another_log_in_has_it_not(self) -> None:
        for role in ("admin", "user"):
            self.ask(GET, self.grants.issue(role, role, 10_000))
            if self.target.attempts:
                self.accept()
            self.assertEqual(self.credentials(), [])
            self.answer(self.target.last)

    def test_a_request_waits_for_a_renewal_with_its_body(self) -> None:
        for number in (1, 2):  # on a new connection, and on one that waits
            self.kept.wait()
            stream = self.ask(post(4) + b"body")
            self.assertEqual(self.target.attempts, [])
            self.kept.go_on()
            self.pump()
            if self.target.attempts:
                self.accept()
            self.answer(self.target.last)
            requests = self.target.last.requests()
            self.assertEqual([each.body for each in requests], [b"body"] * number)
            self.assertEqual(stream.one().status, 200)
        self.assertEqual(len(self.target.connections), 1)

    def test_one_whose_credential_can_not_be_had_does_not_get_there(self) -> None:
        self.kept.wait()
        stream = self.ask(GET)
        self.kept.header = None
        self.kept.go_on()
        self.pump()
        self.assert_trouble(stream, 502, b"refused")
        self.assertEqual(self.target.attempts, [])

    def test_who_goes_away_waits_no_more(self) -> None:
        self.kept.wait()
        stream = self.ask(GET)
        stream.stream.abortConnection()
        self.pump()
        self.assertEqual(self.kept.cancelled, 1)

    def test_a_log_in_that_ends_meanwhile_ends_who_waits(self) -> None:
        self.kept.wait()
        stream = self.ask(GET)
        self.grants.revoke_where(lambda grant: grant is self.own)
        self.pump()
        self.assertEqual(stream.lost, [ConnectionLost])
        self.assertEqual(self.target.attempts, [])

    def test_what_the_profile_refuses_does_not_get_there(self) -> None:
        stream = self.ask(GET.replace(b"/a", b"/secret"))
        self.assertEqual(stream.one().status, 403)
        self.assertEqual(self.target.attempts, [])
        self.send(stream, GET)
        self.answer(self.accept())
        self.assertEqual(stream.one().status, 200)

    def test_a_request_is_what_the_profile_leaves_of_it(self) -> None:
        self.ask(GET.replace(b"\r\n\r\n", b"\r\nX-Hidden: a\r\nX-Shown: b\r\n\r\n"))
        self.answer(self.accept())
        [request] = self.target.last.requests()
        self.assertIsNone(request.get(b"x-hidden"))
        self.assertEqual(request.get(b"x-shown"), b"b")

    def test_a_response_is_what_the_profile_leaves_of_it(self) -> None:
        stream = self.ask(GET)
        self.accept().answer(b"", 200, b"X-Hidden: a\r\nX-Shown: b\r\n")
        self.pump()
        message = stream.one()
        self.assertIsNone(message.get(b"x-hidden"))
        self.assertEqual(message.get(b"x-shown"), b"b")

    def test_a_doubtful_answer_is_told_to_the_credential_and_passes(self) -> None:
        for status, doubts in ((200, 0), (403, 0), (401, 1)):
            stream = self.ask(GET)
            if self.target.attempts:
                self.accept()
            self.answer(self.target.last, status=status)
            self.assertEqual(stream.one().status, status)
            self.assertEqual(self.kept.doubts, doubts)


class SiteCredentialTests(ForwarderCase):
    def setUp(self) -> None:
        self.credential = self.kept = Kept()
        super().setUp()

    def test_the_same_request_has_what_the_credential_is_by_then(self) -> None:
        stream = self.open(GET)
        self.answer(self.accept())
        line = b"Authorization: Bearer newer\r\n"
        self.kept.header = TargetHeader(((b"authorization", line),))
        self.send(stream, GET)
        self.answer(self.target.last)
        sent = [each.all(b"authorization") for each in self.target.last.requests()]
        self.assertEqual(sent, [[b"Bearer ours"], [b"Bearer newer"]])
