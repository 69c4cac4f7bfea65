"""What the operator's API adds to the server: a port of its own, events, numbers."""

from __future__ import annotations

import base64
import json
import signal
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN, Client, Wire
from tests.end_to_end.daemons import OPERATOR_PASSWORD, Server, run_tool
from tests.end_to_end.processes import ReservedPort, wait_until

API = "/cloud/api/v1"


def basic(password: str = OPERATOR_PASSWORD) -> tuple[str, str]:
    credentials = base64.b64encode(f"admin:{password}".encode()).decode()
    return "Authorization", f"Basic {credentials}"


class AdminPortTests(EndToEndTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reserved = ReservedPort()
        self.addCleanup(self.reserved.close)

    def start(self, *options: str) -> Server:
        return self.make_server(f"--admin-port={self.reserved.number}", *options)

    def operator(self, **options: Any) -> Client:
        return Client(self.reserved.number, **options)

    def test_the_operator_s_side_is_there_and_nowhere_else(self) -> None:
        server = self.start()
        browser, operator = server.client(), self.operator()
        for path in ("/systems", "/status", "/openapi.json", "/live"):
            if path != "/live":
                answer = operator.get(API + path, basic())
                self.assertEqual(answer.status, 200, path)
            self.assertEqual(browser.get(API + path, basic()).status, 404, path)
        self.assertEqual(operator.get("/cloud/metrics", basic()).status, 200)
        self.assertEqual(browser.get("/cloud/metrics", basic()).status, 404)
        self.assertEqual(browser.get("/ui/en/cloud-admin.htm").status, 404)
        for client in (browser, operator):
            self.assertEqual(client.get("/cloud/health").status, 200)
        self.assertEqual(browser.get(LOGIN).status, 200)
        self.assertEqual(operator.get(LOGIN).status, 404)
        self.assertEqual(operator.get("/cloud/tunnel").status, 404)
        start = operator.get("/", ("Accept-Language", "de"))
        self.assertEqual(start.field("Location"), "/ui/de/cloud-admin.htm")
        server.process.wait_for_log(f"port {self.reserved.number}")

    def test_it_has_the_same_rules_for_plain_http(self) -> None:
        self.start()
        answer = self.operator(tls=False).get(API + "/systems", basic())
        self.assertEqual(answer.status, 308)
        self.assertEqual(
            answer.field("Location"),
            f"https://127.0.0.1:{self.reserved.number}{API}/systems",
        )

    def test_plain_http_is_served_where_it_is_allowed(self) -> None:
        self.start("--allow-http")
        answer = self.operator(tls=False).get(API + "/systems", basic())
        self.assertEqual(answer.status, 200)

    def test_the_tool_finds_it_there(self) -> None:
        server = self.start()
        done = run_tool(
            self.directory,
            *("system", "add", "By-Tool", "--json"),
            *("--server", f"https://127.0.0.1:{self.reserved.number}"),
            *("--admin-password-file", str(server._password)),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        target = self.make_target()
        password = json.loads(done.stdout)["password"]
        self.make_device(server, "By-Tool", password, target.url, wait=False)
        url = f"{API}/systems/by-tool"
        wait_until(
            lambda: json.loads(self.operator().get(url, basic()).body)["online"],
            "the site is online",
        )

    def test_who_uses_it_does_not_delay_the_end(self) -> None:
        server = self.start()
        wire = self.begin(API + "/live", [basic()], client=self.operator())
        wire.read_until(b"event: hello")
        server.process.signal(signal.SIGTERM)
        # The end of the answer, not a mere end of the connection.
        self.assertTrue(wire.read_all().endswith(b"\r\n0\r\n\r\n"))
        server.process.wait()
        self.assertNotIn("Traceback", server.process.log)


class LiveTests(EndToEndTestCase):
    def listen(self, server: Server, password: str = OPERATOR_PASSWORD) -> Wire:
        path = f"{API}/live?watch=Live"
        wire = self.begin(path, [basic(password)], client=server.client())
        status, fields = wire.read_head()
        self.assertEqual(status, 200)
        self.assertIn(("Content-Type", "text/event-stream"), fields)
        wire.read_until(b"event: hello\ndata: ")
        return wire

    def event(self, wire: Wire, name: str) -> Any:
        """The data of the next event of this name."""
        wire.read_until(f"event: {name}\ndata: ".encode())
        return json.loads(wire.read_until(b"\n\n"))

    def test_a_site_is_seen_to_come_and_go_without_asking(self) -> None:
        wire = self.listen(self.server)
        password = self.server.add_system("Live")
        self.assertEqual(self.event(wire, "event")["kind"], "system_added")
        self.assertFalse(self.event(wire, "system")["online"])
        target = self.make_target()
        device = self.make_device(self.server, "Live", password, target.url)
        system = self.event(wire, "system")
        self.assertTrue(system["online"])
        self.assertRegex(system["agent"], r"\Acfos-device/")
        client = device.client()
        client.get("/")
        (item,) = self.event(wire, "traffic")["items"]
        self.assertEqual(item["cloud_id"], "Live")
        self.assertGreater(item["bytes_in"], 0)
        self.server.ask("PATCH", "/systems/live", {"enabled": False})
        self.assertFalse(self.event(wire, "system")["online"])
        self.server.ask("DELETE", "/systems/live")
        self.assertEqual(self.event(wire, "removed"), {"cloud_id": "Live"})

    def test_another_admin_password_ends_it(self) -> None:
        server = self.make_server("--admin-password-file=")
        file = server.data_dir / "initial-admin-password"
        first = file.read_text().strip()
        wire = self.listen(server, first)
        body = json.dumps({"new": "another password"}).encode()
        fields = [basic(first)]
        answer = server.client().request("POST", f"{API}/password", body, fields)
        self.assertEqual(answer.status, 204, answer.body)
        wire.read_until(b"\r\n0\r\n\r\n")
        self.listen(server, "another password")


class MetricsTests(EndToEndTestCase):
    def values(self) -> dict[str, float]:
        answer = self.server.client().get("/cloud/metrics", basic())
        self.assertEqual(answer.status, 200)
        text = answer.body.decode()
        return {
            " ".join((sample.name, *sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def test_what_is_done_is_counted(self) -> None:
        self.assertEqual(self.admin.get("/").status, 200)
        before = self.values()
        for _ in range(3):
            self.admin.get("/")
        self.server.client().get("/", ("Accept", "text/html"))
        self.server.client().get(f"{API}/status")
        wrong = self.server.client(source=self.new_source())
        wrong.get(f"{API}/status", basic("wrong"))
        after = self.values()
        more = {name: value - before.get(name, 0) for name, value in after.items()}
        self.assertEqual(more["cfos_cloud_responses_total device 2xx"], 3)
        self.assertEqual(more["cfos_cloud_response_wait_seconds_count"], 3)
        self.assertEqual(more["cfos_cloud_requests_without_session_total"], 1)
        self.assertEqual(more["cfos_cloud_responses_total server 4xx"], 2)
        self.assertEqual(more["cfos_cloud_login_failures_total operator"], 1)
        self.assertGreaterEqual(more["cfos_cloud_tls_handshakes_total completed"], 6)
        self.assertGreater(more["cfos_cloud_tunnel_bytes_total in"], 0)
        self.assertGreaterEqual(after["cfos_cloud_tunnels"], 1)
        # Device ends announce themselves, and nobody had to wait or to come again.
        self.assertGreaterEqual(after["cfos_cloud_device_ends_total admitted"], 1)
        self.assertEqual(after["cfos_cloud_device_ends_total put_off"], 0)
        self.assertGreater(after["cfos_cloud_certificate_days"], 300)
        self.assertEqual(after["cfos_cloud_database_up"], 1)
