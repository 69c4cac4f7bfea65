"""What a key may do at which address, by its role and scope."""

from __future__ import annotations

import json

from tests.end_to_end.client import Client, Fields
from tests.end_to_end.keys import METER, STREAM, Key, KeyAdmin, KeyTestCase, bearer

#: Nothing of it is reading, and an application that may read may do none of it.
FORBIDDEN = (
    ("POST", METER),
    ("PUT", METER),
    ("PATCH", METER),
    ("DELETE", METER),
    ("OPTIONS", METER),
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/api/json"),
    ("GET", "/api/json/"),
    ("GET", "/api/json/../../cnf?cmd=set_params"),
    ("GET", "/api/json/%2e%2e/%2e%2e/cnf?cmd=set_params"),
    ("GET", "/api/json/..%2f..%2fcnf?cmd=set_params"),
    ("GET", "/api/json/..%5c..%5ccnf"),
    ("GET", "/api/json//cnf"),
    ("GET", "/api/jsonx/values"),
    ("GET", "/API/JSON/values"),
    ("GET", "/cnf?cmd=set_params"),
    ("GET", "/cnf?cmd=get_params"),
    ("POST", "/cnf?cmd=set_params"),
    ("GET", "/ui/en/sim.htm"),
    ("GET", "/ui/en/index.htm"),
    ("GET", "/cloud/api/v1/systems"),
    ("POST", "/cloud/api/v1/systems"),
    ("GET", "/cloud/api/v1/keys"),
    ("POST", "/cloud/api/v1/keys"),
    ("GET", "/cloud/api/v1/events"),
    ("GET", "/cloud/api/v1/live"),
    ("GET", "/cloud/metrics"),
)
SOCKET = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
)


class RoleTests(KeyTestCase):
    def send(
        self, client: Client, method: str, path: str, token: str, fields: Fields = ()
    ) -> tuple[int, bytes]:
        body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
        answer = client.request(method, path, body, [bearer(token), *fields])
        return answer.status, answer.body

    def test_a_key_to_read_can_do_nothing_else(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        key = admin.make("api")
        own = f"/cloud/api/v1/systems/{site.device.cloud_id}"
        addresses = [
            *FORBIDDEN,
            ("GET", f"{own}/keys"),
            ("POST", f"{own}/keys"),
            ("POST", f"{own}/keys/{key.id}/authorize"),
            ("DELETE", f"{own}/keys/{key.id}"),
            ("POST", f"{own}/pairing"),
            ("GET", f"{own}/sessions"),
            ("DELETE", f"{own}/sessions"),
            ("GET", f"{own}/logins"),
            ("GET", own),
        ]
        client = self.application(site)
        before = len(site.target.requests)
        for html in ([], [("Accept", "text/html")]):
            for method, path in addresses:
                answered = self.send(client, method, path, key.token, html)
                self.assertEqual(answered, (401, b""), f"{method} {path}")
        for path in ("/websocket", METER, STREAM):
            answered = self.send(client, "GET", path, key.token, SOCKET)
            self.assertEqual(answered, (401, b""), path)
        self.assertEqual(len(site.target.requests), before)
        for method in ("GET", "HEAD"):
            self.assertEqual(self.send(client, method, METER, key.token)[0], 200)
        self.assertEqual(len(site.target.requests), before + 2)

    def test_an_admin_s_key_opens_its_device_and_nothing_of_the_cloud_s(self) -> None:
        site, other = self.make_key_site(), self.make_key_site()
        key = KeyAdmin(site).make("admin")
        client = self.application(site)
        for method, path in (
            ("GET", "/"),
            ("POST", "/cnf?cmd=set_params"),
            ("DELETE", METER),
            ("GET", METER),
            ("GET", f"/cloud-is-not-here?system={other.device.cloud_id}"),
        ):
            self.assertEqual(self.send(client, method, path, key.token)[0], 200, path)
        self.assertEqual(len(other.target.requests), 0)
        for path in (
            "/cloud/api/v1/systems",
            f"/cloud/api/v1/systems/{site.device.cloud_id}/keys",
            "/cloud/metrics",
        ):
            answered = self.send(client, "GET", path, key.token)
            self.assertEqual(answered, (401, b""), path)

    def test_a_session_wins_and_the_device_gets_its_own_bearer_alone(self) -> None:
        site, other = self.make_key_site(), self.make_key_site()
        key = KeyAdmin(other).make("admin")
        browser = site.device.client()
        self.assertEqual(self.send(browser, "GET", "/own", "of.the.device")[0], 200)
        seen = site.target.wait_for("/own")
        self.assertEqual(seen.field("Authorization"), "Bearer of.the.device")
        self.assertEqual(self.send(browser, "GET", "/ours", key.token)[0], 200)
        self.assertEqual(site.target.wait_for("/ours").all("Authorization"), [])
        self.assertEqual(other.target.paths(), [])

    def test_whatever_is_wrong_with_a_key_looks_the_same(self) -> None:
        site = self.make_key_site()
        admin = KeyAdmin(site)
        pending, revoked = admin.create(), admin.make(name="revoked")
        working = admin.make(name="working")
        admin.revoke(revoked)
        head, payload, signature = working.token.split(".")
        client = self.application(site)
        answers = set()
        for token in (
            pending.token,
            revoked.token,
            "a.b.c",
            "not a token",
            "",
            "x" * 4000,
            f"{head}.{payload}.",
            f"{head}.{payload}.{signature[:-4]}AAAA",
            f"{head}.{payload}.{signature}=",
            f"{payload}.{head}.{signature}",
            f"eyJhbGciOiJub25lIn0.{payload}.",
        ):
            answer = client.get(METER, ("Authorization", f"Bearer {token}"))
            fields = [pair for pair in answer.fields if pair[0].lower() != "date"]
            answers.add((answer.status, answer.body, tuple(fields)))
        self.assertEqual(len(answers), 1, answers)
        self.assertEqual({each[:2] for each in answers}, {(401, b"")})
        self.assertEqual(site.target.paths(), [])
        self.assert_reads(self.read(site, working))


class CloudKeyTests(KeyTestCase):
    """Keys of scope ``cloud``: the operator's."""

    def make(self, role: str) -> Key:
        document = {"name": f"monitoring {role}", "role": role}
        made = self.server.ask("POST", "/keys", document)
        key = Key(made["id"], made["key"])
        self.assert_refused(
            self.server.client().get("/api/json/systems", bearer(key.token))
        )
        with self.assertRaises(AssertionError):
            self.server.ask("POST", f"/keys/{key.id}/authorize", {"password": "wrong"})
        password = {"password": "the operator's own"}
        done = self.server.ask("POST", f"/keys/{key.id}/authorize", password)
        self.assertEqual(done["state"], "authorised")
        return key

    def test_to_read_it_gives_systems_and_events_and_no_more(self) -> None:
        site = self.make_key_site()
        key = self.make("api")
        client = self.server.client()
        listed = client.get("/api/json/systems", bearer(key.token))
        found = {each["cloud_id"] for each in json.loads(listed.body)["items"]}
        self.assertIn(site.device.cloud_id, found)
        one = client.get(
            f"/api/json/systems/{site.device.cloud_id.lower()}", bearer(key.token)
        )
        self.assertEqual(json.loads(one.body)["online"], True)
        missing = client.get("/api/json/systems/No-such", bearer(key.token))
        self.assertEqual(missing.status, 404)
        events = client.get("/api/json/events?limit=1", bearer(key.token))
        self.assertEqual(len(json.loads(events.body)["items"]), 1)
        for method, path in FORBIDDEN:
            if path == "/api/json/":
                continue
            answer = client.request(
                method, path, b"{}" if method == "POST" else b"", [bearer(key.token)]
            )
            self.assertEqual((answer.status, answer.body), (401, b""), path)
        self.assertEqual(site.target.paths(), [])

    def test_an_admin_s_is_the_operator_until_it_is_revoked(self) -> None:
        key = self.make("admin")
        client = self.server.client()
        for path in ("/cloud/api/v1/systems", "/cloud/metrics", "/cloud/api/v1/keys"):
            self.assertEqual(client.get(path, bearer(key.token)).status, 200, path)
        live = self.begin("/cloud/api/v1/live", [bearer(key.token)], client=client)
        live.read_until(b"event: hello")
        made = client.request(
            "POST",
            "/cloud/api/v1/systems",
            b'{"cloud_id": "Made-by-a-key"}',
            [bearer(key.token), ("Content-Type", "application/json")],
        )
        self.assertEqual(made.status, 201)
        events = self.server.ask("GET", "/events?kind=system_added&limit=1")
        self.assertEqual(events["items"][0]["actor"], "key:monitoring admin")
        done = self.server.tool("key", "revoke", key.id, "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        # In order: the connection itself stays.
        live.read_until(b"\r\n0\r\n\r\n")
        answer = client.get("/cloud/api/v1/systems", bearer(key.token))
        self.assertEqual((answer.status, answer.body), (401, b""))
