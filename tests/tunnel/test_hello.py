"""What the two ends say of themselves, checked."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.tunnel.control import InvalidParams, JSONObject
from cfos_cloud.tunnel.hello import (
    MAX_CAPABILITIES,
    Grant,
    Hello,
    parse_grant,
    parse_hello,
)

HELLO: JSONObject = {"protocol": 1, "agent": "acme/1", "capabilities": ["http"]}
GRANT: JSONObject = {"grant": "g" * 16, "role": "admin", "user": "admin"}


class HelloTests(SynchronousTestCase):
    def test_all_but_the_protocol_may_be_absent(self) -> None:
        nothing = Hello(None, None, None, frozenset())
        self.assertEqual(parse_hello({"protocol": 1}), nothing)
        null = dict.fromkeys(("agent", "name", "serial", "capabilities"))
        self.assertEqual(parse_hello({"protocol": 1, **null}), nothing)

    def test_what_is_there_is_kept_and_what_is_unknown_ignored(self) -> None:
        hello = parse_hello(
            {
                "protocol": 1,
                "agent": "acme/1",
                "name": "Depöt",
                "serial": "4711",
                "capabilities": ["http", "login", "teleport", "http"],
                "profile": "cfos",
                "colour": "blue",
            }
        )
        self.assertEqual(
            hello,
            Hello(
                "acme/1",
                "Depöt",
                "4711",
                frozenset({"http", "login", "teleport"}),
                profile="cfos",
            ),
        )

    def test_another_protocol_is_refused(self) -> None:
        for protocol in (0, 2, "1", None, [1]):
            with self.assertRaises(InvalidParams) as caught:
                parse_hello(HELLO | {"protocol": protocol})
            self.assertEqual(caught.exception.code, -32602)
        self.assertRaises(InvalidParams, parse_hello, {"agent": "acme/1"})

    def test_a_member_of_another_type_is_refused(self) -> None:
        for member, value in (
            ("agent", 1),
            ("agent", "x" * 257),
            ("name", ["x"]),
            ("serial", 4711),
            ("profile", ["cfos"]),
            ("capabilities", "http"),
            ("capabilities", {"http": True}),
            ("capabilities", ["http", 1]),
            ("capabilities", ["x"] * (MAX_CAPABILITIES + 1)),
        ):
            self.assertRaises(InvalidParams, parse_hello, HELLO | {member: value})

    def test_so_many_capabilities_are_taken(self) -> None:
        names = [str(number) for number in range(MAX_CAPABILITIES)]
        hello = parse_hello(HELLO | {"capabilities": names})
        self.assertEqual(hello.capabilities, frozenset(names))

    def test_without_a_mode_it_is_relayed(self) -> None:
        for more in ({}, {"mode": None}, {"mode": "relay"}):
            self.assertFalse(parse_hello(HELLO | more).end_to_end)
        # What it can is not yet what it wants.
        self.assertFalse(parse_hello(HELLO | {"capabilities": ["tls"]}).end_to_end)

    def test_end_to_end_is_for_who_takes_tls(self) -> None:
        mode = {"mode": "end-to-end"}
        hello = parse_hello(HELLO | mode | {"capabilities": ["tls"]})
        self.assertTrue(hello.end_to_end)
        self.assertRaises(InvalidParams, parse_hello, HELLO | mode)

    def test_a_mode_that_we_don_t_know_is_refused(self) -> None:
        for mode in ("", "secret", "End-to-end", 1, True, ["end-to-end"]):
            params = HELLO | {"mode": mode, "capabilities": ["tls"]}
            self.assertRaises(InvalidParams, parse_hello, params)

    def test_half_a_character_is_refused(self) -> None:
        for member in ("agent", "name", "serial"):
            bad = json.loads(rf'{{"{member}":"acme\udfff"}}')
            with self.assertRaises(InvalidParams):
                parse_hello(HELLO | bad)


class GrantTests(SynchronousTestCase):
    def test_a_grant_with_all_its_members(self) -> None:
        self.assertEqual(parse_grant(GRANT), Grant("g" * 16, "admin", "admin"))
        self.assertEqual(parse_grant(GRANT | {"role": "user"}).role, "user")

    def test_a_user_without_a_name(self) -> None:
        del (result := dict(GRANT))["user"]
        self.assertEqual(parse_grant(result).user, "")

    def test_a_grant_of_another_form_is_refused(self) -> None:
        for grant in (
            None,
            7,
            "",
            "g" * 15,
            "g" * 129,
            "g" * 16 + "\n",
            "g" * 16 + "=",
            "g" * 16 + " ",
            "ä" * 16,
        ):
            self.assertRaises(InvalidParams, parse_grant, GRANT | {"grant": grant})
        self.assertEqual(len(parse_grant(GRANT | {"grant": "g" * 128}).grant), 128)

    def test_a_role_that_we_don_t_know_is_refused(self) -> None:
        roles: tuple[object, ...] = (None, "", "root", "Admin", ["admin"], {})
        for role in roles:
            self.assertRaises(InvalidParams, parse_grant, GRANT | {"role": role})

    def test_a_user_that_is_no_name_is_refused(self) -> None:
        for user in (7, "x" * 257, json.loads(r'"\ud800"')):
            with self.assertRaises(InvalidParams):
                parse_grant(GRANT | {"user": user})
