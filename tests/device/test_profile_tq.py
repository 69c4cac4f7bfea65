"""The profile ``tq``: a token for a password, in turns, and renewed when needed."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.grants import Grant
from cfos_cloud.device.own_fields import GrantCredentials, NoCredential
from cfos_cloud.device.profile import Profile
from cfos_cloud.device.profile_cfos import BasicCredential
from cfos_cloud.device.profile_sessions import CERTAIN_SECONDS
from cfos_cloud.device.profile_token import MARGIN, RETRY_SECONDS
from cfos_cloud.device.profile_tq import MAX_TRIES
from cfos_cloud.device.target_header import TargetHeader
from cfos_cloud.http.message import RequestHead
from tests.device.profile_support import ALICE_ID, CHEAP, SECRET, ProfileCase
from tests.device.test_forwarder_keys import Credential
from tests.memory import Message

LIFE = 600.0


def posted(
    method: bytes = b"POST", path: bytes = b"/api/web-login/token?x"
) -> RequestHead:
    fields = [(b"authorization", b"Authorization", b"Basic YTpi")]
    return RequestHead(method, path, True, fields, b"h", 9, True, None, frozenset())


class TqCase(ProfileCase):
    profile = Profile.TQ

    def setUp(self) -> None:
        super().setUp()
        self.password = SECRET
        self.is_open = False
        self.life: object = LIFE
        self.tokens: dict[str, float] = {}
        self.posts: list[float] = []
        #: Instead of what it would say to the next log-ins.
        self.says: list[tuple[int, bytes]] = []

    def answer(self, request: Message) -> tuple[int, bytes]:
        now = self.bench.clock.seconds()
        if request.start.startswith(b"GET"):
            token = (request.get(b"authorization") or b"").removeprefix(b"Bearer ")
            good = self.tokens.get(token.decode(), -1.0) > now
            return (200 if good or self.is_open else 401), b""
        self.posts.append(now)
        if self.says:
            return self.says.pop(0)
        form = parse_qs(request.body.decode(), keep_blank_values=True)
        self.assertEqual(form["grant_type"], ["password"])
        self.assertEqual(form["username"], ["admin"])
        if form["password"] != [self.password]:
            return 401, b'{"error": "invalid_grant"}'
        bought = f"token-{len(self.posts)}"
        life = self.life if isinstance(self.life, float) else LIFE
        self.tokens[bought] = now + life
        document = {
            "access_token": bought,
            "token_type": "Bearer",
            "expires_in": self.life,
        }
        return 200, json.dumps(document).encode()

    def line_of(self, grant: Grant) -> bytes | None:
        """What a request is given now."""
        assert grant.own is not None
        header = grant.own.header
        return None if header is None else header.lines[0][1]

    def pass_time(self, seconds: float) -> None:
        self.bench.clock.advance(seconds)
        self.settle()


class LoginTests(TqCase):
    def test_a_password_is_worth_a_token(self) -> None:
        grant = self.log_in()
        self.assertEqual(self.line_of(grant), b"Authorization: Bearer token-1\r\n")

    def test_a_wrong_one_is_not_and_no_password_is_not_even_tried(self) -> None:
        self.assertEqual(self.refusal("&password=x"), -32001)
        self.pass_time(2)
        self.assertEqual(self.refusal(""), -32001)
        self.assertEqual(len(self.posts), 1)

    def test_every_error_that_it_tells_is_a_wrong_password(self) -> None:
        for says in (
            (400, b'{"error": "invalid_grant"}'),
            (401, b""),
            (403, b'{"error": {"message": "no"}}'),
            (200, b'{"error": "invalid_grant"}'),
        ):
            self.says = [says]
            self.assertEqual(self.refusal(), -32001)
            self.pass_time(60)

    def test_a_device_of_another_kind_is_told_so(self) -> None:
        for says in (
            (404, b""),
            (500, b"{}"),
            (200, b"<html>"),
            (200, b"[]"),
            (200, b"{}"),
            (200, b'{"access_token": 7}'),
            (200, b'{"access_token": "a b"}'),
            (200, b'{"access_token": "a\\r\\nX: y"}'),
        ):
            self.says = [says]
            self.assertEqual(self.refusal(), -32603)
            self.pass_time(2)

    def test_a_device_that_shows_everything_lets_nobody_in(self) -> None:
        self.is_open = True
        self.assertEqual(self.refusal(), -32002)
        self.assertEqual(self.refusal(ALICE_ID, "user"), -32002)
        self.assertEqual(self.posts, [])

    def test_log_ins_take_turns_of_more_than_a_second(self) -> None:
        answers = [self.start(client=f"192.0.2.{number}") for number in range(5)]
        for _ in range(60):
            self.pass_time(0.05)
        self.successResultOf(answers[0])
        self.successResultOf(answers[1])
        self.successResultOf(answers[2])
        # Who could not be served in time must try again, and is charged nothing.
        for late in answers[3:]:
            self.assertEqual(self.code(late), -32003)
        self.assertEqual(len(self.posts), 3)
        gaps = [b - a for a, b in zip(self.posts, self.posts[1:], strict=False)]
        self.assertGreater(min(gaps), 1.0)

    def test_who_is_told_to_slow_down_does_and_gets_in(self) -> None:
        self.says = [(429, b'{"error": "slow_down"}')]
        answer = self.start()
        self.assertNoResult(answer)
        for _ in range(12):
            self.pass_time(0.1)
        self.successResultOf(answer)

    def test_a_pages_own_log_in_is_one_of_the_same_address(self) -> None:
        grant = self.log_in()
        self.pass_time(5)
        self.assertFalse(self.side.device.refuses(grant, posted()))
        answer = self.start()
        self.assertNoResult(answer)
        for _ in range(12):
            self.pass_time(0.1)
        self.successResultOf(answer)

    def test_a_user_s_page_can_neither_guess_nor_take_everybody_s_turns(self) -> None:
        self.users_file.write_text(f"anna:{CHEAP.hash('111111111111')}\n")
        self.credentials.poll()
        grant = self.log_in("111111111111", "user")
        for path in (
            b"/api/web-login/token",
            b"/api/web-login/token/",
            b"//api/./web-login/x/../token?x",
            b"/api/web-login/%74oken",
            b"/api%2fweb-login/token;x",
            b"/api/web-login/%2574oken",
            b"/API/Web-Login/Token",
        ):
            for method in (b"POST", b"PUT"):
                refused = self.side.device.refuses(grant, posted(method, path))
                self.assertTrue(refused, path)
        for path in (b"/", b"/api/json/local/values/smart-meter", b"/api/web-login/x"):
            self.assertFalse(self.side.device.refuses(grant, posted(b"GET", path)))
        self.pass_time(1)
        self.successResultOf(self.start())

    def test_it_has_no_users_but_the_sites(self) -> None:
        self.assertEqual(self.refusal(ALICE_ID, "user"), -32001)
        self.users_file.write_text(f"anna:{CHEAP.hash('111111111111')}\n")
        self.credentials.poll()
        grant = self.log_in("111111111111", "user")
        self.assertIsNone(grant.own)


class RenewalTests(TqCase):
    def test_a_token_is_renewed_before_its_end_while_it_is_used(self) -> None:
        grant = self.log_in()
        assert grant.own is not None
        self.pass_time(LIFE - MARGIN - 1)
        self.assertIsNone(grant.own.renewal())
        self.pass_time(1)
        # Nobody has to wait: the old one lasts until the new one is there.
        self.assertIsNone(grant.own.renewal())
        self.assertIsNone(grant.own.renewal())
        self.settle()
        self.assertEqual(self.line_of(grant), b"Authorization: Bearer token-2\r\n")
        self.assertEqual(len(self.posts), 2)

    def test_nobody_asks_for_one_that_nobody_needs(self) -> None:
        self.log_in()
        self.pass_time(10 * LIFE)
        self.assertEqual(len(self.posts), 1)

    def test_who_comes_after_its_end_waits_for_the_next(self) -> None:
        grant = self.log_in()
        assert grant.own is not None
        self.pass_time(LIFE)
        self.assertIsNone(self.line_of(grant))
        first, second = grant.own.renewal(), grant.own.renewal()
        assert first is not None
        assert second is not None
        second.cancel()
        self.failureResultOf(second)
        self.settle()
        self.successResultOf(first)
        self.assertEqual(self.line_of(grant), b"Authorization: Bearer token-2\r\n")

    def test_one_that_can_not_be_had_is_not_asked_for_again_and_again(self) -> None:
        grant = self.log_in()
        assert grant.own is not None
        self.pass_time(LIFE)
        self.says = [(500, b"")] * 2
        waiting = grant.own.renewal()
        assert waiting is not None
        self.settle()
        self.successResultOf(waiting)
        self.assertIsNone(self.line_of(grant))
        self.assertIsNone(grant.own.renewal())
        self.pass_time(RETRY_SECONDS)
        self.assertIsNotNone(grant.own.renewal())
        self.settle()
        self.assertEqual(len(self.posts), 3)

    def test_a_device_that_always_turns_log_ins_away_is_left_alone(self) -> None:
        grant = self.log_in()
        assert grant.own is not None
        self.pass_time(LIFE)
        self.says = [(429, b"")] * 99
        waiting = grant.own.renewal()
        assert waiting is not None
        for _ in range(2 * MAX_TRIES):
            self.pass_time(1.0)
        self.successResultOf(waiting)
        self.assertIsNone(self.line_of(grant))
        self.assertEqual(len(self.posts), 1 + MAX_TRIES)
        self.assertEqual(self.revoked, [])

    def test_a_password_that_is_wrong_by_then_ends_the_log_in(self) -> None:
        grant = self.log_in()
        self.pass_time(2)
        self.authorise(b"a.b.c")
        assert grant.own is not None
        self.password = "new"
        self.pass_time(LIFE)
        grant.own.renewal()
        for _ in range(4):
            self.pass_time(1.0)
        self.assertEqual(self.revoked, [grant.token])
        self.assertIsNone(self.consent_to(b"a.b.c"))

    def test_a_token_that_ended_before_its_time_is_replaced(self) -> None:
        grant = self.log_in()
        assert grant.own is not None
        self.pass_time(10)
        self.tokens.clear()
        grant.own.doubt()
        self.settle()
        self.assertEqual(self.line_of(grant), b"Authorization: Bearer token-2\r\n")
        self.assertEqual(self.revoked, [])

    def test_a_401_to_something_else_costs_no_log_in(self) -> None:
        grant = self.log_in()
        assert grant.own is not None
        self.pass_time(CERTAIN_SECONDS)
        grant.own.doubt()
        self.settle()
        self.assertEqual(len(self.posts), 1)

    def test_a_life_that_is_none_is_short(self) -> None:
        for life in (None, "600", True, 0, -1):
            self.life = life
            grant = self.log_in()
            self.assertIsNotNone(self.line_of(grant))
            self.pass_time(301)
            self.assertIsNone(self.line_of(grant), life)


class KeyCredentialTests(TqCase):
    def test_keys_have_a_token_by_the_password_in_the_file(self) -> None:
        credential = self.side.key_credential
        self.assertIsNone(credential.renewal())
        self.assertEqual(credential.header, TargetHeader(()))
        self.set_file(SECRET)
        waiting = credential.renewal()
        assert waiting is not None
        self.settle()
        self.successResultOf(waiting)
        header = credential.header
        assert header is not None
        self.assertEqual(header.lines[0][1], b"Authorization: Bearer token-1\r\n")
        self.assertIsNone(credential.renewal())

    def test_without_one_they_get_nowhere(self) -> None:
        self.set_file("not the device's")
        credential = self.side.key_credential
        credential.renewal()
        self.settle()
        self.assertIsNone(credential.header)


class FieldsTests(SynchronousTestCase):
    """What is added to whose requests, and in place of what."""

    def setUp(self) -> None:
        self.site = Credential()
        self.site.header = TargetHeader(
            (
                (b"authorization", b"Authorization: Basic c2l0ZQ==\r\n"),
                (b"x-site-key", b"X-Site-Key: s\r\n"),
            )
        )
        self.own = BasicCredential(SECRET)

    def lines(
        self, role: str, key: str | None = None, *, bare: bool = False
    ) -> dict[bytes, bytes] | None:
        own = self.own if role == "admin" and key is None else None
        grant = Grant("t", role, "u", 0.0, key=key, own=own)
        head = posted()
        if bare:
            head = head._replace(fields=[])
        fields = GrantCredentials(grant, self.site, None).fields(head)
        if fields is None:
            return None
        self.assertTrue(fields.replace)
        return dict(fields.lines)

    def test_an_admins_own_counts_more_than_the_sites(self) -> None:
        for bare in (True, False):
            lines = self.lines("admin", bare=bare)
            assert lines is not None
            self.assertEqual(lines[b"authorization"], self.own.line)
            self.assertIn(b"x-site-key", lines)

    def test_a_key_has_the_sites(self) -> None:
        lines = self.lines("api", "key")
        assert lines is not None
        self.assertEqual(lines[b"authorization"], b"Authorization: Basic c2l0ZQ==\r\n")

    def test_a_user_has_nothing(self) -> None:
        self.assertIsNone(self.lines("user"))

    def test_without_it_nothing_goes(self) -> None:
        self.site.header = None
        for role, key in (("admin", None), ("api", "key")):
            self.assertRaises(NoCredential, self.lines, role, key)
        self.assertIsNone(self.lines("user"))
