"""The operator API, ``systems`` and what holds for all of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twisted.internet.defer import Deferred, fail
from twisted.web.iweb import IRequest

from cfos_cloud.cloud_password import is_generated
from cfos_cloud.registry import Overloaded
from cfos_cloud.tunnel.exchange import Presence
from cfos_cloud.web.api.operation import Operation
from cfos_cloud.web.api.routes import Answer, mount, route
from cfos_cloud.web.operator.authorization import Needs
from tests.registry.support import ManualWorker
from tests.web.operator_support import PASSWORD, OperatorAPICase, Reply, basic

NOON = datetime(2026, 11, 22, 12, 0, 0, 0, UTC)
CHOSEN = "a chosen password"
MEMBERS = [
    "cloud_id",
    "name",
    "enabled",
    "online",
    "since",
    "last_seen",
    "agent",
    "client",
    "bytes_in",
    "bytes_out",
    "created",
    "end_to_end",
]


class APICase(OperatorAPICase):
    def assert_problem(
        self, reply: Reply, status: int, field: str | None = None
    ) -> None:
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.header("content-type"), "application/problem+json")
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(reply.json["status"], status)
        self.assertTrue(reply.json["title"])
        self.assertTrue(reply.json["detail"])
        self.assertEqual(reply.json.get("field"), field)

    def add(self, cloud_id: str = "Garage", **members: object) -> Reply:
        return self.ask("POST", "/systems", json={"cloud_id": cloud_id, **members})


class AddTests(APICase):
    def test_a_generated_password_is_said_once(self) -> None:
        self.clock.advance(NOON.timestamp())
        reply = self.add(name="The garage")
        self.assertEqual(reply.status, 201)
        self.assertEqual(reply.header("content-type"), "application/json")
        self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(reply.header("location"), "/cloud/api/v1/systems/Garage")
        system = dict(reply.json)
        self.assertTrue(is_generated(system.pop("password")))
        self.assertEqual(
            system,
            {
                "cloud_id": "Garage",
                "name": "The garage",
                "enabled": True,
                "online": False,
                "since": None,
                "last_seen": None,
                "agent": None,
                "client": None,
                "bytes_in": 0,
                "bytes_out": 0,
                "created": "2026-11-22T12:00:00Z",
                "end_to_end": False,
            },
        )
        self.assertEqual(self.ask("GET", "/systems/Garage").json, system)

    def test_a_chosen_password_is_not_said_and_costs_a_guesser_more(self) -> None:
        reply = self.add(password=CHOSEN)
        self.assertEqual(reply.status, 201)
        self.assertEqual(list(reply.json), MEMBERS)
        system = self.systems.get("Garage")
        assert system is not None
        self.assertEqual(system.verifier.iterations, 210_000)

    def test_a_duplicate_in_any_case_is_409(self) -> None:
        self.add("Garage")
        self.assert_problem(self.add("gARAGE"), 409)
        self.assertEqual(len(self.systems), 1)

    def test_of_adds_at_the_same_time_one_wins(self) -> None:
        worker = ManualWorker()
        self.restart(worker)
        self.operator.prepare(self.data_dir)
        self.make_api()
        url = "https://cloud.example/cloud/api/v1/systems"
        asked = [
            self.treq.post(url, json={"cloud_id": name}, headers=basic())
            for name in ("Garage", "garage", "GARAGE")
        ]
        worker.run_all()
        self.treq.flush()
        codes = sorted(self.successResultOf(one).code for one in asked)
        self.assertEqual(codes, [201, 409, 409])

    def test_unknown_members_are_ignored(self) -> None:
        self.assertEqual(self.add(colour="red", enabled=False).status, 201)

    def test_null_is_as_absent(self) -> None:
        reply = self.add(password=None, name=None)
        self.assertIn("password", reply.json)
        self.assertEqual(reply.json["name"], "")

    def test_what_can_t_be_is_422_and_names_the_member(self) -> None:
        for members, field in (
            ({}, "cloud_id"),
            ({"cloud_id": 7}, "cloud_id"),
            ({"cloud_id": "a--b"}, "cloud_id"),
            ({"cloud_id": "a" * 41}, "cloud_id"),
            ({"cloud_id": "a", "password": "elevenchars"}, "password"),
            ({"cloud_id": "a", "password": ""}, "password"),
            ({"cloud_id": "a", "password": 123456789012}, "password"),
            ({"cloud_id": "a", "password": "x" * 257}, "password"),
            ({"cloud_id": "a", "password": "with\x07a control"}, "password"),
            ({"cloud_id": "a", "password": "\N{SOFT HYPHEN}" * 12}, "password"),
            ({"cloud_id": "a", "password": "\ud800" * 12}, "password"),
            ({"cloud_id": "a", "name": "x" * 201}, "name"),
            ({"cloud_id": "a", "name": "two\nlines"}, "name"),
            ({"cloud_id": "a", "name": "\ud800"}, "name"),
            ({"cloud_id": "a", "name": ["a"]}, "name"),
            ([], ""),
            ("text", ""),
        ):
            self.assert_problem(self.ask("POST", "/systems", json=members), 422, field)
        self.assertEqual(len(self.systems), 0)

    def test_limits_are_what_they_say(self) -> None:
        reply = self.add("a" * 40, password="x" * 256, name="ü" * 200)
        self.assertEqual(reply.status, 201)
        self.assertEqual(self.add("b", password="twelve chars").status, 201)

    def test_a_body_that_is_no_json_is_400(self) -> None:
        for body in (
            b"",
            b"{",
            b"\xff",
            b'{"cloud_id": NaN}',
            b"[" * 60_000,
            b'{"cloud_id": ' + b"9" * 5000 + b"}",
        ):
            self.assert_problem(self.ask("POST", "/systems", data=body), 400)

    def test_a_body_over_64_kib_is_413(self) -> None:
        body = b'{"cloud_id": "a", "more": "' + b"x" * 64 * 1024 + b'"}'
        self.assert_problem(self.ask("POST", "/systems", data=body), 413)


class OneSystemTests(APICase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.advance((NOON - timedelta(days=2)).timestamp())
        self.add("Garage", name="old")

    def test_ids_in_paths_are_of_any_case(self) -> None:
        for path in ("/systems/garage", "/systems/GARAGE"):
            self.assertEqual(self.ask("GET", path).json["cloud_id"], "Garage")

    def test_who_is_online_is_shown_with_the_present_connection(self) -> None:
        seen = NOON - timedelta(days=1)
        self.connect("garage", seen=seen, ended=seen, bytes_in=100, bytes_out=200)
        offline = self.ask("GET", "/systems/garage").json
        self.assertEqual(offline["online"], False)
        self.assertEqual(offline["since"], "2026-11-21T12:00:00Z")
        self.assertEqual(offline["last_seen"], "2026-11-21T12:00:00Z")
        self.assertEqual(offline["agent"], "device/1")
        self.assertEqual((offline["bytes_in"], offline["bytes_out"]), (100, 200))

        self.presences.online["garage"] = Presence(
            True, NOON, "device/2", "2001:db8::1", 5, 6
        )
        online = self.ask("GET", "/systems/garage").json
        self.assertEqual(online["online"], True)
        self.assertEqual(online["since"], "2026-11-22T12:00:00Z")
        self.assertEqual(online["last_seen"], "2026-11-22T12:00:00Z")
        self.assertEqual(online["agent"], "device/2")
        self.assertEqual(online["client"], "2001:db8::1")
        self.assertEqual((online["bytes_in"], online["bytes_out"]), (105, 206))

    def test_a_patch_changes_what_it_names(self) -> None:
        reply = self.ask("PATCH", "/systems/garage", json={"name": "new"})
        self.assertEqual(reply.status, 200)
        self.assertEqual((reply.json["name"], reply.json["enabled"]), ("new", True))
        reply = self.ask("PATCH", "/systems/GARAGE", json={"enabled": False})
        self.assertEqual((reply.json["name"], reply.json["enabled"]), ("new", False))
        reply = self.ask("PATCH", "/systems/garage", json={"cloud_id": "x"})
        self.assertEqual(reply.json["cloud_id"], "Garage")

    def test_a_patch_with_what_can_t_be_changes_nothing(self) -> None:
        for members, field in (
            ({"name": None}, "name"),
            ({"name": "new", "enabled": None}, "enabled"),
            ({"name": "new", "enabled": 1}, "enabled"),
            ({"name": "new", "enabled": "false"}, "enabled"),
        ):
            reply = self.ask("PATCH", "/systems/garage", json=members)
            self.assert_problem(reply, 422, field)
        self.assertEqual(self.ask("GET", "/systems/garage").json["name"], "old")

    def test_a_removed_one_is_gone(self) -> None:
        reply = self.ask("DELETE", "/systems/GARAGE")
        self.assertEqual((reply.status, reply.body), (204, b""))
        for method in ("GET", "DELETE"):
            self.assert_problem(self.ask(method, "/systems/garage"), 404)
        self.assert_problem(self.ask("PATCH", "/systems/garage", json={}), 404)

    def test_what_is_no_id_is_unknown(self) -> None:
        for path in (
            "/systems/a--b",
            "/systems/%00",
            "/systems/%C3%A4",
            "/systems/%7B%7D",
        ):
            self.assert_problem(self.ask("GET", path), 404)

    def test_head_is_get_without_a_body(self) -> None:
        for path in ("/systems", "/systems/garage"):
            reply = self.ask("HEAD", path)
            whole = self.ask("GET", path)
            self.assertEqual((reply.status, reply.body), (200, b""))
            length = str(len(whole.body))
            self.assertEqual(reply.header("content-length"), length)

    def test_other_methods_are_405_and_told_which_go(self) -> None:
        for path, method, allowed in (
            ("/systems", "DELETE", "GET, HEAD, POST"),
            ("/systems", "OPTIONS", "GET, HEAD, POST"),
            ("/systems/garage", "PUT", "DELETE, GET, HEAD, PATCH"),
        ):
            reply = self.ask(method, path)
            self.assert_problem(reply, 405)
            self.assertEqual(reply.header("allow"), allowed)

    def test_other_addresses_are_404(self) -> None:
        for path in ("", "/", "/systems/", "/nothing", "/systems/a/b"):
            self.assert_problem(self.ask("GET", path), 404)
        self.assert_problem(self.ask("GET", "/systems/%FF"), 404)


class ListTests(APICase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(5):
            self.add(f"System-{number}")

    def test_pages_together_are_everything(self) -> None:
        seen, path = [], "/systems?limit=2"
        while True:
            page = self.ask("GET", path).json
            self.assertEqual(list(page), ["items", "next", "total"])
            self.assertEqual(page["total"], 5)
            seen += [one["cloud_id"] for one in page["items"]]
            if page["next"] is None:
                break
            path = f"/systems?limit=2&cursor={page['next']}"
        self.assertEqual(seen, [f"System-{number}" for number in range(5)])

    def test_without_a_limit_there_are_100_on_a_page(self) -> None:
        for number in range(5, 101):
            self.add(f"System-{number}")
        page = self.ask("GET", "/systems?limit=&cursor=").json
        self.assertEqual(len(page["items"]), 100)
        self.assertIsNotNone(page["next"])

    def test_no_password_is_listed(self) -> None:
        for one in self.ask("GET", "/systems").json["items"]:
            self.assertEqual(list(one), MEMBERS)

    def test_what_can_t_be_is_422_and_names_the_parameter(self) -> None:
        for query, field in (
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("limit=%C2%B2", "limit"),
            ("cursor=!", "cursor"),
            ("cursor=%FF", "cursor"),
        ):
            self.assert_problem(self.ask("GET", f"/systems?{query}"), 422, field)


class CredentialsTests(APICase):
    def assert_refused(self, headers: dict[str, str]) -> Reply:
        reply = self.ask("GET", "/systems", headers=headers)
        self.assert_problem(reply, 401)
        self.assertIsNone(reply.header("www-authenticate"))
        return reply

    def test_every_refusal_is_the_same_without_a_challenge(self) -> None:
        bodies = {
            self.assert_refused(headers).body
            for headers in (
                {},
                basic("wrong"),
                basic(user="Admin"),
                {"Authorization": "Basic !"},
                {"Authorization": "Basic /w=="},
                {"Authorization": "Digest " + PASSWORD},
                {"Authorization": ""},
            )
        }
        self.assertEqual(len(bodies), 1)

    def test_what_means_to_be_an_access_key_is_refused_without_a_word(self) -> None:
        for value in ("Bearer " + PASSWORD, "bearer x", "Bearer", "BEARER  x"):
            headers = {"Authorization": value}
            reply = self.ask("GET", "/systems", headers=headers)
            self.assertEqual((reply.status, reply.body), (401, b""))
            self.assertIsNone(reply.header("www-authenticate"))
            self.assertEqual(reply.header("cache-control"), "no-store")
        self.assertEqual(self.throttle.failures, 0)

    def test_a_browser_s_basic_is_refused_whatever_it_says_of_itself(self) -> None:
        for name, value in (
            ("Sec-Fetch-Site", "same-origin"),
            ("sec-fetch-mode", "navigate"),
            ("Sec-Fetch-Anything", ""),
        ):
            self.assert_refused({**basic(), name: value})
        self.assertEqual(self.ask("GET", "/systems").status, 200)

    def test_the_scheme_is_of_any_case(self) -> None:
        headers = {"Authorization": basic()["Authorization"].replace("Basic", "bASIC")}
        self.assertEqual(self.ask("GET", "/systems", headers=headers).status, 200)

    def test_nothing_is_read_or_changed_without_them(self) -> None:
        self.add("Garage")
        for method, path in (
            ("POST", "/systems"),
            ("GET", "/systems/garage"),
            ("PATCH", "/systems/garage"),
            ("DELETE", "/systems/garage"),
        ):
            reply = self.ask(method, path, headers={}, data=b"not looked at")
            self.assert_problem(reply, 401)
        self.assertIsNotNone(self.systems.get("garage"))

    def test_who_guesses_has_to_wait_even_with_the_right_one(self) -> None:
        for _ in range(6):
            self.assert_refused(basic("wrong"))
        self.assert_refused(basic("wrong"))
        reply = self.ask("GET", "/systems")
        self.assert_problem(reply, 429)
        self.assertEqual(reply.header("retry-after"), "5")
        self.clock.advance(5)
        self.assertEqual(self.ask("GET", "/systems").status, 200)

    def test_no_credentials_cost_nothing(self) -> None:
        for _ in range(50):
            self.assert_refused({})
        self.assertEqual(self.ask("GET", "/systems").status, 200)

    def test_guesses_side_by_side_gain_nothing(self) -> None:
        worker = ManualWorker()
        self.operator._worker = worker
        url = "https://cloud.example/cloud/api/v1/systems"
        asked = [
            self.treq.get(url, headers=basic(f"wrong {number}")) for number in range(10)
        ]
        asked.append(self.treq.get(url, headers=basic()))
        worker.run_all()
        self.treq.flush()
        codes = [self.successResultOf(one).code for one in asked]
        self.assertEqual(codes, [401] * 7 + [429] * 4)

    def test_many_with_the_right_one_side_by_side_all_pass(self) -> None:
        worker = ManualWorker()
        self.operator._worker = worker
        url = "https://cloud.example/cloud/api/v1/systems"
        asked = [self.treq.get(url, headers=basic()) for _ in range(20)]
        worker.run_all()
        self.treq.flush()
        codes = {self.successResultOf(one).code for one in asked}
        self.assertEqual(codes, {200})


class TroubleTests(APICase):
    def test_a_database_that_is_away_is_503(self) -> None:
        self.add("Garage")
        self.successResultOf(self.database.close())
        reply = self.ask("PATCH", "/systems/garage", json={"name": "new"})
        self.assert_problem(reply, 503)
        self.assertEqual(reply.header("retry-after"), "2")
        self.assertNotIn(str(self.data_dir), reply.body.decode())
        self.assertEqual(self.ask("GET", "/systems/garage").json["name"], "")

    def test_a_full_queue_is_503(self) -> None:
        def refuse(*_: object) -> Deferred[None]:
            return fail(Overloaded())

        self.password_worker.run = refuse  # type: ignore[assignment]
        reply = self.ask("GET", "/systems", headers=basic("any"))
        self.assert_problem(reply, 503)
        self.assertEqual(self.throttle.wait(()), 0)

    def test_a_fault_of_ours_is_500_and_in_the_log(self) -> None:
        def fault(cloud_id: str) -> Presence:
            raise ZeroDivisionError("a secret of ours")

        self.add("Garage")
        self.presences.presence = fault  # type: ignore[method-assign]
        reply = self.ask("GET", "/systems/garage")
        self.assert_problem(reply, 500)
        self.assertNotIn("secret", reply.body.decode())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class DeclarationTests(APICase):
    def test_every_route_says_what_it_needs(self) -> None:
        rules = list(self.api.app.url_map.iter_rules())
        self.assertGreaterEqual(len(rules), 5)
        needs = tuple(f" needs {one.value}" for one in Needs)
        for rule in rules:
            self.assertTrue(rule.endpoint.endswith(needs), rule.endpoint)

    def test_every_route_refuses_who_has_no_credentials(self) -> None:
        for rule in self.api.app.url_map.iter_rules():
            if rule.endpoint.endswith(f" needs {Needs.NOTHING.value}"):
                self.assertEqual(rule.rule, "/openapi.json")
                continue
            path = rule.rule.replace("<cloud_id>", "garage")
            for method in (rule.methods or set()) - {"HEAD"}:
                self.assertEqual(self.ask(method, path, headers={}).status, 401)

    def test_a_route_without_what_it_needs_can_t_be_declared(self) -> None:
        about = Operation("X", {200: None})
        self.assertRaises(TypeError, route, "/x", method="GET", about=about)
        self.assertRaises(TypeError, route, "/x", method="GET", needs=None, about=about)

    def test_nor_one_that_does_not_say_what_it_does(self) -> None:
        self.assertRaises(TypeError, route, "/x", method="GET", needs=Needs.OPERATOR)

    def test_a_need_that_nobody_checks_can_t_be_mounted(self) -> None:
        class Things:
            @route(
                "/things",
                method="GET",
                needs=Needs.OPERATOR,
                about=Operation("Things", {200: None}),
            )
            async def show(self, request: IRequest) -> Answer:
                return Answer(200)

        self.assertRaises(KeyError, mount, self.api.app, [Things()], {})
