"""Real kinds of devices behind the real daemons: one log-in, at the cloud."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from urllib.parse import quote

from tests.end_to_end import websocket
from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.client import Answer, Client
from tests.end_to_end.keys import KeyAdmin, bearer
from tests.end_to_end.processes import wait_until
from tests.stand_ins.charging_manager import SERIAL, ChargingManager
from tests.stand_ins.smart_meter import LIVE, MESSAGE_BYTES, READINGS, TOKEN, SmartMeter
from tests.stand_ins.stand_in import StandIn

#: The password of the devices; the files of the device end have another one.
SECRET = "the device's own"
OTHER = "quite another one"
ALICE_ID = "123456789012"
NO_FILES = ("--admin-password-file=", "--users-file=")


class ProfileCase(EndToEndTestCase):
    def connect(self, target: StandIn, profile: str, *options: str) -> Site:
        self.addCleanup(target.close)
        self._targets.append(target)
        cloud_id = f"{profile}-{target.port}"
        password = self.server.add_system(cloud_id)
        more = (f"--profile={profile}", *options)
        device = self.make_device(self.server, cloud_id, password, target.url, *more)
        return Site(device, target)

    def admin_of(self, site: Site, secret: str = SECRET) -> Client:
        return site.device.log_in(secret, as_admin=True)

    def refused(self, site: Site, secret: str, *, as_admin: bool) -> None:
        client = self.server.client(source=self.new_source())
        answer = client.log_in(site.device.cloud_id, secret, as_admin=as_admin)
        self.assertEqual(answer.status, 401)

    def session_is_over(self, client: Client) -> None:
        def over() -> bool:
            answer = client.get("/ui/en/sim.htm", ("Accept", "text/html"))
            return answer.status == 303

        wait_until(over, "the session is over")

    def assert_no_secret_in_logs(self, site: Site, *secrets: str) -> None:
        for log in (site.device.process.log, self.server.process.log):
            for secret in secrets:
                self.assertNotIn(secret, log)
                self.assertNotIn(quote(secret), log)


class ChargingManagerTests(ProfileCase):
    def test_the_devices_password_logs_in_and_nobody_is_asked_twice(self) -> None:
        device = ChargingManager(SECRET)
        site = self.connect(device, "cfos", *NO_FILES)
        self.refused(site, "", as_admin=True)
        self.refused(site, OTHER, as_admin=True)
        client = self.admin_of(site)
        for path in (
            "/ui/en/sim.htm",
            "/cnf?cmd=get_params",
            "/cnf?cmd=set_params&a=1",
        ):
            answer = client.get(path)
            self.assertEqual(answer.status, 200, answer)
        self.assertEqual(device.commands, ["set_params"])
        # A browser that still has another system's password is not locked out by it.
        stale = b64encode(b"admin:of another system").decode()
        answer = client.get("/ui/en/sim.htm", ("Authorization", f"Basic {stale}"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(client.request("POST", "/firmware", b"x" * 99).body, b"99")

    def test_a_changed_password_ends_log_ins_and_keys(self) -> None:
        device = ChargingManager(SECRET)
        site = self.connect(device, "cfos", *NO_FILES)
        client, elsewhere = self.admin_of(site), self.admin_of(site)
        keys = KeyAdmin(site, client)
        key = keys.create()
        self.assertEqual(keys.authorise(key, SECRET).status, 200)
        info = "/cnf?cmd=get_dev_info"
        stranger = self.server.client()
        self.assertEqual(stranger.get(info, bearer(key.token)).status, 200)
        old, new = quote(SECRET), quote(OTHER)
        change = f"/cnf?cmd=change_admin_pwd&old_pwd={old}&new_pwd={new}"
        self.assertEqual(client.get(change).body, b'"ok"')
        self.session_is_over(client)
        self.session_is_over(elsewhere)

        def key_is_over() -> bool:
            try:
                return stranger.get(info, bearer(key.token)).status == 401
            except http.client.IncompleteRead:
                # What is under way when it ends is cut.
                return False

        wait_until(key_is_over, "the key does not work any more")
        self.assertEqual(self.admin_of(site, OTHER).get("/ui/en/sim.htm").status, 200)
        self.assert_no_secret_in_logs(site, SECRET, OTHER)

    def test_one_that_was_changed_at_the_device_ends_log_ins_at_the_next_401(
        self,
    ) -> None:
        device = ChargingManager(SECRET)
        site = self.connect(device, "cfos", *NO_FILES)
        client = self.admin_of(site)
        device.password = OTHER
        answer = client.get("/ui/en/sim.htm")
        # No challenge: the browser would ask for what can't be given there.
        self.assertIsNone(answer.field("WWW-Authenticate"))
        self.session_is_over(client)

    def test_a_device_without_a_password_lets_nobody_in(self) -> None:
        device = ChargingManager("")
        site = self.connect(device, "cfos", *NO_FILES)
        for secret, as_admin in ((SECRET, True), ("", True), (ALICE_ID, False)):
            self.refused(site, secret, as_admin=as_admin)
        site.device.process.wait_for_log("switch off 'localhost is admin'")

    def test_where_localhost_is_admin_the_file_decides_and_users_only_read(
        self,
    ) -> None:
        device = ChargingManager(SECRET, alice=ALICE_ID)
        device.localhost_is_admin = True
        site = self.connect(device, "cfos")
        site.device.set_admin_password(OTHER)
        wait_until(lambda: "has changed" in site.device.process.log, "it is read")
        self.refused(site, SECRET, as_admin=True)
        self.assertEqual(self.admin_of(site, OTHER).get("/firmware").status, 200)
        device.commands.clear()
        user = site.device.log_in(ALICE_ID, as_admin=False)
        for path in (
            "/",
            "/ui/en/sim.htm",
            "/cnf?cmd=get_dev_info",
            "/cnf?cmd=get_params",
        ):
            self.assertLess(user.get(path).status, 400, path)
        for path in (
            "/cnf?cmd=set_params&title=x",
            "/cnf?cmd=get_params&cmd=set_params",
            "/cnf?cmd=get_users",
            "/ui/../cnf?cmd=set_params",
            "//cnf?cmd=set_params",
            "/backup",
        ):
            self.assertEqual(user.get(path).status, 403, path)
        post = user.request(
            "POST",
            "/cnf?cmd=get_params",
            b"cmd=set_params",
            [("Content-Type", "application/x-www-form-urlencoded")],
        )
        self.assertEqual(post.status, 403)
        self.assertEqual(user.request("POST", "/firmware", b"x").status, 403)
        self.assertEqual(device.commands, [])

    def test_the_devices_users_log_in_by_the_password_in_the_file(self) -> None:
        device = ChargingManager(SECRET, alice=ALICE_ID)
        site = self.connect(device, "cfos")
        # The file's password is not the device's yet.
        self.refused(site, ALICE_ID, as_admin=False)
        site.device.process.wait_for_log("does not take the password in")
        site.device.set_admin_password(SECRET)
        wait_until(lambda: "has changed" in site.device.process.log, "it is read")
        self.refused(site, "123456789013", as_admin=False)
        user = site.device.log_in(f" {ALICE_ID}", as_admin=False)
        self.assertEqual(user.get("/cnf?cmd=get_dev_info").status, 200)
        seen = device.wait_for("/cnf")
        self.assertEqual(seen.field("Cfos-User"), "alice")
        # Not the admin's rights, and no browser's dialogue either.
        answer = user.get("/cnf?cmd=get_params")
        self.assertEqual(answer.status, 401)
        self.assertIsNone(answer.field("WWW-Authenticate"))
        self.assert_no_secret_in_logs(site, SECRET, ALICE_ID)

    def test_a_reading_key_reads_by_command(self) -> None:
        device = ChargingManager(SECRET)
        site = self.connect(device, "cfos")
        site.device.set_admin_password(SECRET)
        wait_until(lambda: "has changed" in site.device.process.log, "it is read")
        keys = KeyAdmin(site, self.admin_of(site))
        key = keys.create()
        self.assertEqual(keys.authorise(key, SECRET).status, 200)
        stranger = self.server.client()

        def ask(path: str) -> Answer:
            return stranger.get(path, bearer(key.token))

        info = json.loads(ask("/cnf?cmd=get_dev_info").body)
        self.assertEqual(info["params"]["vsn"]["serialno"], SERIAL)
        self.assertEqual(ask("/cnf?cmd=get_params").status, 200)
        for path in (
            "/cnf?cmd=set_params&title=x",
            "/cnf?cmd=get_params&cmd=set_params",
            "/cnf",
            "/ui/en/sim.htm",
        ):
            answer = ask(path)
            self.assertEqual((answer.status, answer.body), (401, b""), path)
        self.assertEqual(device.commands, [])


class SmartMeterTests(ProfileCase):
    def test_one_log_in_is_enough_and_its_token_stays_here(self) -> None:
        device = SmartMeter(SECRET)
        site = self.connect(device, "tq", *NO_FILES)
        client = self.admin_of(site)
        answer = client.get(READINGS)
        self.assertEqual(answer.status, 200, answer)
        (token,) = device.tokens
        # A page with a token of its own is logged in by itself, or is not.
        self.assertEqual(client.get(READINGS, bearer("nonsense")).status, 401)
        self.refused(site, OTHER, as_admin=True)
        self.refused(site, "", as_admin=True)
        self.refused(site, SECRET, as_admin=False)
        self.assertEqual(device.throttled, 0)
        self.assert_no_secret_in_logs(site, SECRET, OTHER, token)

    def test_log_ins_side_by_side_take_turns(self) -> None:
        device = SmartMeter(SECRET)
        site = self.connect(device, "tq", *NO_FILES)

        def log_in(source: str) -> int:
            client = self.server.client(source=source)
            return client.log_in(site.device.cloud_id, SECRET, as_admin=True).status

        statuses = list(self.threads(2).map(log_in, [self.new_source() for _ in "ab"]))
        self.assertEqual((statuses, device.throttled), ([303, 303], 0))

    def test_an_ended_token_is_renewed_unnoticed(self) -> None:
        device = SmartMeter(SECRET, life=2.0)
        site = self.connect(device, "tq", *NO_FILES)
        client = self.admin_of(site)
        wait_until(
            lambda: not device._counts(f"Bearer {next(iter(device.tokens))}"), "over"
        )
        self.assertEqual(client.get(READINGS).status, 200)
        self.assertEqual(device.sold, 2)

    def test_a_device_that_has_started_anew_is_asked_for_another_token(self) -> None:
        device = SmartMeter(SECRET)
        site = self.connect(device, "tq", *NO_FILES)
        client = self.admin_of(site)
        device.forget_tokens()
        self.assertEqual(client.get(READINGS).status, 401)
        wait_until(lambda: client.get(READINGS).status == 200, "there is a new token")

    def test_a_changed_password_ends_the_log_in(self) -> None:
        device = SmartMeter(SECRET)
        site = self.connect(device, "tq", *NO_FILES)
        client = self.admin_of(site)
        device.password = OTHER
        device.forget_tokens()
        client.get(READINGS)
        self.session_is_over(client)
        self.assertEqual(self.admin_of(site, OTHER).get(READINGS).status, 200)

    def test_a_reading_key_has_a_token_by_the_password_in_the_file(self) -> None:
        device = SmartMeter(SECRET)
        site = self.connect(device, "tq")
        site.device.set_admin_password(SECRET)
        wait_until(lambda: "has changed" in site.device.process.log, "it is read")
        keys = KeyAdmin(site, self.admin_of(site))
        key = keys.create()
        self.assertEqual(keys.authorise(key, SECRET).status, 200)
        answer = self.server.client().get(READINGS, bearer(key.token))
        self.assertEqual(answer.status, 200, answer)
        self.assertIn("smart-meter", json.loads(answer.body))

    def test_the_pages_own_log_in_and_its_live_values_pass_untouched(self) -> None:
        device = SmartMeter(SECRET)
        site = self.connect(device, "tq", *NO_FILES)
        client = self.admin_of(site)
        page = client.get("/")
        self.assertEqual(page.field("Content-Security-Policy"), "default-src 'self'")
        body = f"grant_type=password&username=admin&password={quote(SECRET)}".encode()
        fields = [("Content-Type", "application/x-www-form-urlencoded")]

        def own() -> Answer:
            return client.request("POST", TOKEN, body, fields)

        wait_until(lambda: own().status == 200, "the page may log in")
        token = list(device.tokens)[-1]
        key = websocket.new_key()
        wire = self.begin(
            LIVE,
            [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", key),
                ("Origin", client.origin),
            ],
            client=client,
        )
        head, _, rest = wire.read_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        self.assertIn(b" 101 ", head)
        message = f"Bearer {token}".encode()
        wire.send(websocket.frame(websocket.TEXT, message, masked=True))
        reader = websocket.Reader(wire.read_some, rest)
        for _ in range(2):
            opcode, payload = reader.read_frame()
            self.assertEqual((opcode, len(payload)), (websocket.BINARY, MESSAGE_BYTES))
