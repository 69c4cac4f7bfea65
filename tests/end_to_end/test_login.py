"""Log-in and log-out through the form, and every way in which it fails."""

from __future__ import annotations

import time
from concurrent.futures import as_completed
from dataclasses import replace
from urllib.parse import urlencode

from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN, Answer, Client
from tests.end_to_end.daemons import ADMIN_SECRET, USER_ID
from tests.end_to_end.processes import PATIENCE
from tests.end_to_end.test_operator_api import basic

#: What a failure takes, and what a clock may be off.
FAILURE_SECONDS = 3.0
TOLERANCE = 0.1


def cookie_named(answer: Answer, name: str) -> str:
    """The one ``Set-Cookie`` for ``name``, without the value."""
    (line,) = [c for c in answer.all("Set-Cookie") if c.startswith(f"{name}=")]
    return line.partition(";")[2].strip()


def without_date(answer: Answer) -> Answer:
    fields = [pair for pair in answer.fields if pair[0] != "Date"]
    return replace(answer, fields=fields)


class LoginTests(EndToEndTestCase):
    def test_the_admin_reaches_the_device_as_admin(self) -> None:
        client = self.server.client()
        answer = client.log_in(self.cloud_id, ADMIN_SECRET, as_admin=True)
        self.assertEqual((answer.status, answer.field("Location")), (303, "/"))
        head = client.get("/").body
        self.assertIn(b"\r\nCfos-User: admin\r\nCfos-Role: admin\r\n", head)

    def test_a_user_reaches_the_device_as_user(self) -> None:
        client = self.server.client()
        answer = client.log_in(self.cloud_id, USER_ID)
        self.assertEqual((answer.status, answer.field("Location")), (303, "/"))
        head = client.get("/").body
        self.assertIn(b"\r\nCfos-User: guest\r\nCfos-Role: user\r\n", head)

    def test_the_case_of_a_cloud_id_and_blanks_around_it_do_not_matter(self) -> None:
        client = self.server.client()
        self.assertEqual(
            client.log_in(f" {self.cloud_id.swapcase()} ", f" {USER_ID} ").status, 303
        )

    def test_over_tls_the_session_cookie_has_a_prefix_and_is_secure(self) -> None:
        answer = self.server.client().log_in(self.cloud_id, USER_ID)
        self.assertEqual(
            sorted(cookie_named(answer, "__Host-cfos").split("; ")),
            ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"],
        )

    def test_on_plain_http_it_has_none_and_works_on_the_same_port(self) -> None:
        client = self.server.client(tls=False)
        answer = client.log_in(self.cloud_id, USER_ID)
        self.assertEqual(
            sorted(cookie_named(answer, "cfos").split("; ")),
            ["HttpOnly", "Path=/", "SameSite=Lax"],
        )
        self.assertEqual([n for n in client.cookies if n.startswith("__Host-")], [])
        self.assertIn(b"\r\nCfos-User: guest\r\n", client.get("/").body)

    def test_a_cookie_is_read_only_under_the_name_of_its_scheme(self) -> None:
        token = self.admin.cookies["__Host-cfos"]
        for tls, name in ((True, "cfos"), (False, "__Host-cfos")):
            client = self.server.client(tls=tls)
            client.cookies = {name: token}
            self.assertEqual(client.get("/").status, 303)
        # … while the token itself is good.
        client = self.server.client()
        client.cookies = {"__Host-cfos": token}
        self.assertEqual(client.get("/").status, 200)

    def test_with_a_session_the_page_offers_the_way_back_and_the_log_out(self) -> None:
        page = self.admin.get(LOGIN)
        self.assertEqual(page.status, 200)
        self.assertIn(f"Back to Site {self.cloud_id}".encode(), page.body)
        self.assertIn(b"/ui/en/cloud-logout.htm", page.body)
        self.assertNotIn(b"cloud-logout", self.server.client().get(LOGIN).body)

    def test_log_out_ends_the_session_everywhere(self) -> None:
        client = self.site.device.user_client()
        stolen = self.server.client()
        stolen.cookies = dict(client.cookies)
        self.assertEqual(stolen.get("/").status, 200)
        client.cookies["device"] = "1"
        answer = client.log_out()
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.field("Location"), f"{LOGIN}#logged_out")
        self.assertEqual(answer.field("Clear-Site-Data"), '"cache", "storage"')
        self.assertNotIn("__Host-cfos", client.cookies)
        self.assertNotIn("device", client.cookies)
        self.assertEqual(stolen.get("/").status, 303)

    def test_log_out_ends_what_the_session_has_open(self) -> None:
        client = self.site.device.user_client()
        wire = self.open_stream(client)
        client.log_out()
        self.assertEqual(wire.read_all(), b"")

    def test_log_out_takes_a_token_of_the_form(self) -> None:
        client = self.site.device.user_client()
        answer = client.request("POST", "/ui/en/cloud-logout.htm")
        self.assertEqual(answer.status, 403)
        self.assertEqual(client.get("/").status, 200)

    def test_another_log_in_ends_the_session_before(self) -> None:
        client = self.site.device.user_client()
        before = self.server.client()
        before.cookies = dict(client.cookies)
        self.assertEqual(client.log_in(self.cloud_id, USER_ID).status, 303)
        self.assertEqual(before.get("/").status, 303)
        self.assertEqual(client.get("/").status, 200)


class FailedLoginTests(EndToEndTestCase):
    def test_every_failure_looks_the_same_and_comes_after_three_seconds(self) -> None:
        self.server.add_system("Never-Seen")
        closed = self.make_site()
        closed.device.set_admin_password("\n")
        closed.device.process.wait_for_log("the admin password is empty now")
        disabled = self.make_site()
        self.server.ask(
            "PATCH", f"/systems/{disabled.device.cloud_id}", {"enabled": False}
        )
        site = self.make_site()
        cloud_id = site.device.cloud_id
        good = {"cloud_id": cloud_id, "cloud_user_id": ADMIN_SECRET, "admin": "1"}
        forms = {
            "unknown ID": good | {"cloud_id": "Nobody"},
            "impossible ID": good | {"cloud_id": "--"},
            "offline": good | {"cloud_id": "Never-Seen"},
            "disabled": good | {"cloud_id": disabled.device.cloud_id},
            "no admin password set": good | {"cloud_id": closed.device.cloud_id},
            "no admin password set, a user": {
                "cloud_id": closed.device.cloud_id,
                "cloud_user_id": USER_ID,
            },
            "empty admin password": good | {"cloud_user_id": ""},
            "wrong admin password": good | {"cloud_user_id": "canary-5f2d"},
            "a secret in the wrong field": good | {"cloud_id": "canary-5f2d"},
            "a user ID as admin password": good | {"cloud_user_id": USER_ID},
            "wrong user ID": {"cloud_id": cloud_id, "cloud_user_id": "9999999999"},
            "the admin password as user ID": {
                "cloud_id": cloud_id,
                "cloud_user_id": ADMIN_SECRET,
            },
            "no Cloud ID": {"cloud_user_id": ADMIN_SECRET, "admin": "1"},
            "no secret": {"cloud_id": cloud_id},
            "a stranger's token": good | {"csrf": "x" * 43},
            "no token": good | {"csrf": None},
        }
        # One browser's page, so that the token in it is no difference.
        page = self.server.client()
        token = page.get(LOGIN).body.split(b'name="csrf" value="')[1].split(b'"')[0]

        def attempt(form: dict[str, str | None]) -> tuple[float, Answer]:
            # A stranger each, or the throttle would tell them apart.
            client = self.server.client(source=self.new_source())
            client.cookies = dict(page.cookies)
            form = {"csrf": token.decode(), **form}
            body = urlencode({k: v for k, v in form.items() if v is not None})
            sent = time.monotonic()
            answer = client.request(
                "POST",
                LOGIN,
                body.encode(),
                [("Content-Type", "application/x-www-form-urlencoded")],
            )
            return time.monotonic() - sent, answer

        with self.threads(len(forms)) as threads:
            results = dict(
                zip(forms, threads.map(attempt, forms.values()), strict=True)
            )
        _, first = results["unknown ID"]
        self.assertEqual(first.status, 401)
        self.assertIn(b"That log-in did not work", first.body)
        self.assertEqual(first.all("WWW-Authenticate"), [])
        for name, (seconds, answer) in results.items():
            self.assertEqual(without_date(answer), without_date(first), name)
            self.assertGreaterEqual(seconds, FAILURE_SECONDS - TOLERANCE, name)
        for process in (self.server.process, site.device.process):
            for secret in ("canary-5f2d", ADMIN_SECRET, USER_ID):
                self.assertNotIn(secret, process.log)

    def test_who_guesses_has_to_wait_and_who_is_known_has_not(self) -> None:
        site = self.make_site()
        cloud_id = site.device.cloud_id
        owner = site.device.client(source=self.new_source())
        guesser = self.new_source()
        neighbour = site.device.client(source=guesser)
        clients = [self.server.client(source=guesser) for _ in range(10)]

        def guess(client: Client) -> Answer:
            return client.log_in(cloud_id, "guess", as_admin=True)

        threads = self.threads(len(clients))
        guesses = [threads.submit(guess, client) for client in clients]
        # Six are free, what is under way counts, and who has to wait hears it at once.
        as_they_come = as_completed(guesses, PATIENCE)
        for answer in [next(as_they_come).result() for _ in range(3)]:
            self.assertEqual(answer.status, 429)
            self.assertRegex(answer.field("Retry-After") or "", r"\A[1-9][0-9]?\Z")
        # The right secret doesn't help the guesser, nor a stranger elsewhere …
        for source in (guesser, self.new_source()):
            stranger = self.server.client(source=source)
            answer = stranger.log_in(cloud_id, ADMIN_SECRET, as_admin=True)
            self.assertEqual(answer.status, 429)
        # … while the owner's browser and other systems don't notice, not even a browser
        # of theirs behind the guesser's very router.
        neighbour.log_out()
        answer = neighbour.log_in(cloud_id, ADMIN_SECRET, as_admin=True)
        self.assertEqual(answer.status, 303)
        owner.log_out()
        answer = owner.log_in(cloud_id, ADMIN_SECRET, as_admin=True)
        self.assertEqual(answer.status, 303)
        other = self.server.client(source=self.new_source())
        self.assertEqual(other.log_in(self.cloud_id, USER_ID).status, 303)
        # Nor do device ends and operators at the guesser's address.
        near = self.server.client(source=guesser)
        upgrade = ("Connection", "Upgrade"), ("Upgrade", "cfos-tunnel/1")
        self.assertEqual(near.get("/cloud/tunnel", *upgrade).status, 401)
        self.assertEqual(near.get("/cloud/api/v1/status", basic()).status, 200)
        self.assertEqual([each.result().status for each in as_they_come], [401] * 7)
