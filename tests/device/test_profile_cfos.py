"""The profile ``cfos``: whom the device knows, and what users may ask it."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.device.grants import Grant
from cfos_cloud.device.profile_cfos import BasicCredential, CfosDevice
from cfos_cloud.device.profile_cfos_rules import changes_password, user_may
from cfos_cloud.device.profile_sessions import CERTAIN_SECONDS, USERS_SECONDS
from cfos_cloud.http.message import RequestHead, ResponseHead
from tests.device.profile_support import (
    ALICE_ID,
    CHEAP,
    SECRET,
    ProfileCase,
    basic_of,
)
from tests.device.target_support import TargetConnection
from tests.memory import Message


def request(target: bytes, method: bytes = b"GET", **more: Any) -> RequestHead:
    head = RequestHead(method, target, True, [], b"h", 0, True, None, frozenset())
    return head._replace(**more)


class CfosCase(ProfileCase):
    password = SECRET
    localhost_is_admin = False
    users: object = ()
    status: int | None = None

    def answer(self, request: Message) -> tuple[int, bytes]:
        if self.status is not None:
            return self.status, b""
        open_ = not self.password or self.localhost_is_admin
        if not open_ and basic_of(request) != self.password:
            return 401, b""
        if b"get_users" in request.start:
            return 200, json.dumps(self.users).encode()
        return 200, b"page"

    def on_one_machine(self) -> None:
        """From now on the device is on this machine."""
        accept = self.bench.device.accept

        def accept_local() -> TargetConnection:
            connection = accept()
            connection.wire.peerAddr = IPv4Address("TCP", "127.0.0.1", 80)
            return connection

        self.patch(self.bench.device, "accept", accept_local)


class AdminTests(CfosCase):
    def test_the_devices_password_gives_a_grant_that_has_it(self) -> None:
        grant = self.log_in()
        self.assertEqual((grant.role, grant.user), ("admin", "admin"))
        self.assertEqual(grant.own, BasicCredential(SECRET))
        self.assertNotIn(SECRET, repr(grant))
        paths = [each.start.split(b" ")[1] for each in self.bench.device.asked]
        self.assertEqual(paths, [b"/ui/en/sim.htm"] * 2)

    def test_another_one_is_wrong_and_none_is_not_even_tried(self) -> None:
        self.assertEqual(self.refusal("another"), -32001)
        self.assertEqual(self.refusal(""), -32001)
        tried = [basic_of(each) for each in self.bench.device.asked]
        self.assertEqual(tried, [None, "another", None])

    def test_a_device_without_a_password_refuses_everybody(self) -> None:
        grant = self.log_in()
        self.authorise(b"a.b.c")
        self.password = ""
        for secret, role in ((SECRET, "admin"), ("", "admin"), (ALICE_ID, "user")):
            self.assertEqual(self.refusal(secret, role), -32002)
        self.assertEqual(self.revoked, [grant.token])
        self.assertIsNone(self.consent_to(b"a.b.c"))

    def test_nor_does_the_sites_file_help_then(self) -> None:
        self.set_file(SECRET)
        self.password = ""
        self.assertEqual(self.refusal(), -32002)

    def test_where_localhost_is_admin_nothing_can_be_known(self) -> None:
        self.on_one_machine()
        self.localhost_is_admin = True
        with capturedLogs() as events:
            self.assertEqual(self.refusal(), -32002)
        text = "\n".join(str(formatEvent(event)) for event in events)
        self.assertIn("switch off 'localhost is admin' there, or give", text)

    def test_unless_the_site_says_what_the_password_is(self) -> None:
        self.on_one_machine()
        self.localhost_is_admin = True
        for text in ("the site's own", str(CHEAP.hash("the site's own"))):
            self.set_file(text)
            self.assertEqual(self.refusal(SECRET), -32001)
            own = self.log_in("the site's own").own
            self.assertEqual(own, BasicCredential("the site's own"))

    def test_a_device_of_another_kind_is_told_so_and_charges_nobody(self) -> None:
        for status in (404, 500, 302, 403):
            self.status = status
            for _ in range(10):
                self.assertEqual(self.refusal(), -32603)
        self.status = None
        self.log_in()

    def test_guesses_are_throttled_and_cost_the_device_nothing_then(self) -> None:
        codes = [self.refusal("wrong") for _ in range(10)]
        self.assertEqual((codes[0], codes[-1]), (-32001, -32003))
        asked = len(self.bench.device.asked)
        self.assertEqual(self.refusal(), -32003)
        self.assertEqual(len(self.bench.device.asked), asked)

    def test_a_device_that_does_not_answer_is_given_up_in_time(self) -> None:
        self.patch(self.bench.device, "serve", lambda: False)
        answer = self.start()
        self.bench.clock.advance(2.2)
        self.assertEqual(self.code(answer), -32003)
        self.assertEqual(len(self.grants), 0)

    def test_of_one_source_one_attempt_is_under_way(self) -> None:
        serve = self.bench.device.serve
        self.patch(self.bench.device, "serve", lambda: False)
        first = self.start()
        self.assertEqual(self.refusal(), -32003)
        other = self.start(client="192.0.2.2")
        self.patch(self.bench.device, "serve", serve)
        self.settle()
        self.successResultOf(first)
        self.successResultOf(other)


class ChangeTests(CfosCase):
    def doubt(self, grant_of_secret: str = SECRET) -> None:
        self.side.device.credential(grant_of_secret).doubt()
        self.settle()

    def test_a_doubt_that_is_none_ends_nothing(self) -> None:
        self.log_in()
        self.doubt()
        self.assertEqual((len(self.grants), self.revoked), (1, []))

    def test_one_doubt_is_looked_into_once(self) -> None:
        self.log_in()
        self.doubt()
        asked = len(self.bench.device.asked)
        self.doubt()
        self.assertEqual(len(self.bench.device.asked), asked)
        self.bench.clock.advance(CERTAIN_SECONDS)
        self.doubt()
        self.assertGreater(len(self.bench.device.asked), asked)

    def test_a_changed_password_ends_who_has_the_old_one_and_its_keys(self) -> None:
        old = self.log_in()
        self.authorise(b"a.b.c")
        self.password = "new"
        new = self.log_in("new")
        self.doubt()
        self.assertEqual(self.revoked, [old.token])
        self.assertIsNone(self.consent_to(b"a.b.c"))
        self.assertIs(self.grants.find(new.token), new)

    def test_keys_of_the_new_password_stay(self) -> None:
        self.log_in()
        self.password = "new"
        self.authorise(b"a.b.c", "new")
        self.doubt()
        self.assertIsNotNone(self.consent_to(b"a.b.c"))

    def test_a_device_that_does_not_answer_ends_nothing(self) -> None:
        self.log_in()
        self.status = 503
        self.doubt()
        self.assertEqual(len(self.grants), 1)

    def test_keys_outlive_a_restart_and_their_password_does_not(self) -> None:
        self.authorise(b"a.b.c")
        self.authorise(b"d.e.f")
        self.assertNotIn(SECRET, (self.directory / "access-keys.json").read_text())
        self.start_up()
        self.assertIsNotNone(self.consent_to(b"a.b.c"))
        self.authorise(b"g.h.i")
        self.log_in()
        for token in (b"a.b.c", b"d.e.f", b"g.h.i"):
            self.assertIsNotNone(self.consent_to(token))
        self.start_up()
        self.password = "new"
        self.log_in("new")
        for token in (b"a.b.c", b"d.e.f", b"g.h.i"):
            self.assertIsNone(self.consent_to(token))

    def test_a_key_authorised_by_another_password_is_alone(self) -> None:
        self.authorise(b"a.b.c")
        self.start_up()
        self.password = "new"
        self.authorise(b"d.e.f", "new")
        self.assertIsNone(self.consent_to(b"a.b.c"))
        self.assertIsNotNone(self.consent_to(b"d.e.f"))


class UserTests(CfosCase):
    users: object = (
        {"id": ALICE_ID, "name": "alice"},
        {"id": 2223334445, "name": "Bob"},
    )

    def test_without_the_sites_help_nobody_is_known(self) -> None:
        self.assertEqual(self.refusal(ALICE_ID, "user"), -32001)

    def test_the_devices_users_are_known_by_their_ids(self) -> None:
        self.set_file(SECRET)
        for secret, name in ((f" {ALICE_ID}\n", "alice"), ("2223334445", "Bob")):
            grant = self.log_in(secret, "user")
            self.assertEqual((grant.role, grant.user), ("user", name))
        for secret in ("", "123456789013", "alice", "\ud800"):
            self.assertEqual(self.refusal(secret, "user"), -32001)

    def test_other_shapes_of_the_list_are_read_too(self) -> None:
        self.set_file(SECRET)
        self.users = {"users": [{"user_id": ALICE_ID, "name": "x" * 99}, 7, {}]}
        self.assertEqual(self.log_in(ALICE_ID, "user").user, "x" * 64)

    def test_what_tells_no_ids_is_trouble_and_not_a_wrong_id(self) -> None:
        self.set_file(SECRET)
        for users in ([{"name": "alice"}], "users", 7, {"a": 1}):
            self.users = users
            self.assertEqual(self.refusal(ALICE_ID, "user"), -32603)
        self.users = []
        self.assertEqual(self.refusal(ALICE_ID, "user"), -32001)

    def test_a_file_that_is_not_the_devices_is_trouble(self) -> None:
        self.set_file("another")
        self.assertEqual(self.refusal(ALICE_ID, "user"), -32603)

    def test_a_users_file_counts_without_asking_for_the_devices(self) -> None:
        self.users_file.write_text(f"anna:{CHEAP.hash('111111111111')}\n")
        self.credentials.poll()
        self.assertEqual(self.log_in("111111111111", "user").user, "anna")
        asked = [each.start for each in self.bench.device.asked]
        self.assertNotIn(b"get_users", b"".join(asked))

    def test_a_user_whom_the_device_forgets_is_logged_out(self) -> None:
        self.set_file(SECRET)
        alice, bob = self.log_in(ALICE_ID, "user"), self.log_in("2223334445", "user")
        self.users = [{"id": 2223334445, "name": "Bob"}]
        self.side.poll()
        self.settle()
        self.assertEqual(self.revoked, [])
        self.bench.clock.advance(USERS_SECONDS)
        self.side.poll()
        self.settle()
        self.assertEqual(self.revoked, [alice.token])
        self.assertIs(self.grants.find(bob.token), bob)

    def test_while_the_device_does_not_answer_its_users_stay(self) -> None:
        self.set_file(SECRET)
        self.log_in(ALICE_ID, "user")
        self.status = 503
        self.bench.clock.advance(USERS_SECONDS)
        self.side.poll()
        self.settle()
        self.assertEqual(len(self.grants), 1)

    def test_nobody_is_asked_for_where_nobody_is_logged_in(self) -> None:
        self.set_file(SECRET)
        self.bench.clock.advance(USERS_SECONDS)
        self.side.poll()
        self.settle()
        self.assertEqual(self.bench.device.asked, [])


class RuleTests(SynchronousTestCase):
    def test_nobody_but_an_admin_says_a_password_to_the_device(self) -> None:
        # A user could try as many as the device answers.
        device = CfosDevice(None, lambda: None, lambda _: None)  # type: ignore[arg-type]
        line = (b"authorization", b"Authorization", b"Basic YWRtaW46Z3Vlc3M=")
        head = request(b"/ui/en/sim.htm")._replace(fields=[line])
        for role, key, seen in (
            ("user", None, []),
            ("admin", None, [line]),
            ("api", "key", [line]),
        ):
            grant = Grant("token", role, "x", 1.0, key=key)
            self.assertEqual(device.request(grant, head).fields, seen)

    def test_users_look_and_read(self) -> None:
        for target in (
            b"/",
            b"/?x=/cnf",
            b"/favicon.ico",
            b"/ui/en/sim.htm",
            b"/ui/a/b/c.js?v=1",
            b"/cnf?cmd=get_dev_info",
            b"/cnf?cmd=get_user&id=1",
            b"/api/json/local/values/smart-meter",
        ):
            self.assertTrue(user_may(request(target)), target)
            self.assertTrue(user_may(request(target, b"HEAD")), target)
        # The command counts, not the method.
        self.assertTrue(user_may(request(b"/cnf?cmd=get_params", b"POST")))

    def test_and_nothing_else(self) -> None:
        for target in (
            b"/cnf?cmd=set_params",
            b"/cnf?cmd=set_user&id=1",
            b"/cnf?cmd=get_users",
            b"/cnf?cmd=get_params&cmd=set_params",
            b"/cnf",
            b"//cnf?cmd=set_params",
            b"/ui/../cnf?cmd=set_params",
            b"/ui/%2e%2e/cnf?cmd=set_params",
            b"/ui//cnf",
            b"/ui/en\\..\\cnf",
            b"/UI/en/sim.htm",
            b"/backup",
            b"/firmware",
            b"*",
        ):
            self.assertFalse(user_may(request(target)), target)

    def test_nor_with_a_body_another_method_or_an_upgrade(self) -> None:
        target = b"/cnf?cmd=get_params"
        for method in (b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"get"):
            self.assertFalse(user_may(request(target, method)), method)
        self.assertFalse(user_may(request(target, b"POST", length=9)))
        self.assertFalse(user_may(request(target, b"POST", length=None)))
        self.assertFalse(user_may(request(target, upgrade=b"websocket")))
        self.assertFalse(user_may(request(b"/ui/en/sim.htm", b"POST")))

    def test_a_change_of_the_password_is_seen_in_the_query(self) -> None:
        for target, seen in (
            (b"/cnf?cmd=change_admin_pwd&old_pwd=a&new_pwd=b", True),
            (b"/cnf?old_pwd=a&cmd=change%5fadmin_pwd", True),
            (b"//cnf?cmd=change_admin_pwd", True),
            (b"/cnf?cmd=get_params&x=change_admin_pw", False),
            (b"/ui/en/sim.htm?cmd=change_admin_pwd", False),
        ):
            self.assertIs(changes_password(target), seen, target)


class ResponseTests(CfosCase):
    def test_no_browser_is_told_to_ask_for_a_password(self) -> None:
        field = (b"www-authenticate", b"WWW-Authenticate", b"Basic")
        head = ResponseHead(401, b"No", [field], 0, False, True, frozenset())
        grant = self.log_in()
        self.assertEqual(self.side.device.response(grant, head).fields, [])
        fine = head._replace(status=200)
        self.assertEqual(self.side.device.response(grant, fine), fine)

    def test_ours_takes_the_place_of_a_browsers_basic_only(self) -> None:
        own = BasicCredential(SECRET)
        self.assertTrue(own.outranks(b"Basic YTpi"))
        self.assertTrue(own.outranks(b"basic YTpi"))
        self.assertFalse(own.outranks(b"Bearer x"))
