"""Access keys as an application and the admin of a site use them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.case import EndToEndTestCase, Site
from tests.end_to_end.client import Answer, Client
from tests.end_to_end.daemons import ADMIN_SECRET
from tests.end_to_end.processes import wait_until
from tests.end_to_end.target import Request, endless

METER = "/api/json/local/values/smart-meter"
STREAM = "/api/json/local/stream"


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


@dataclass(frozen=True)
class Key:
    """One that was made: its ID, and the token that its answer has shown."""

    id: str
    token: str = field(repr=False)


class KeyAdmin:
    """The admin of ``site`` at the interface for its keys."""

    def __init__(self, site: Site, client: Client | None = None) -> None:
        self.site = site
        self.client = client or site.device.client()
        self.base = f"/cloud/api/v1/systems/{site.device.cloud_id}"

    def ask(self, method: str, path: str, document: object = None) -> Answer:
        body = b"" if document is None else json.dumps(document).encode()
        fields = [("Content-Type", "application/json")] if body else []
        return self.client.request(method, self.base + path, body, fields)

    def create(self, role: str = "api", name: str = "meter", **more: object) -> Key:
        """A key that nobody has authorised."""
        answer = self.ask("POST", "/keys", {"name": name, "role": role, **more})
        assert answer.status == 201, answer
        document = json.loads(answer.body)
        assert document["state"] == "pending", document
        return Key(document["id"], document["key"])

    def authorise(self, key: Key, secret: str = ADMIN_SECRET) -> Answer:
        return self.ask("POST", f"/keys/{key.id}/authorize", {"admin_secret": secret})

    def make(self, role: str = "api", name: str = "meter", **more: object) -> Key:
        """A key that works."""
        key = self.create(role, name, **more)
        answer = self.authorise(key)
        assert answer.status == 200, answer
        return key

    def revoke(self, key: Key) -> Answer:
        return self.ask("DELETE", f"/keys/{key.id}")

    def state(self, key: Key) -> str:
        answer = self.ask("GET", f"/keys/{key.id}")
        assert answer.status == 200, answer
        state: str = json.loads(answer.body)["state"]
        return state

    def wait_for_state(self, key: Key, state: str) -> None:
        wait_until(lambda: self.state(key) == state, f"the key is {state}")


class KeyTestCase(EndToEndTestCase):
    """An application has no cookies: each request is a stranger's, but for its key."""

    def make_key_site(self, *options: str, **more: Any) -> Site:
        """Its target has something to read under ``/api/json/``."""
        site = self.make_site(*options, **more)
        site.target.routes[METER] = self.meter
        site.target.routes[STREAM] = endless
        return site

    @staticmethod
    def meter(request: Request) -> None:
        request.respond(
            "200 OK",
            "Content-Type: application/json",
            body=b'{"smart-meter": {"status": 0}}',
        )

    def application(self, site: Site, **options: Any) -> Client:
        return site.device.server.client(**options)

    def read(self, site: Site, key: Key | str, path: str = METER) -> Answer:
        token = key if isinstance(key, str) else key.token
        return self.application(site).get(path, bearer(token))

    def assert_refused(self, answer: Answer) -> None:
        """Just like any other key that does not work."""
        self.assertEqual((answer.status, answer.body), (401, b""), answer)

    def assert_reads(self, answer: Answer) -> None:
        self.assertEqual(answer.status, 200, answer)
        self.assertIn("smart-meter", json.loads(answer.body))
