"""A site whose admin makes access keys at the door, by page and by API."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.device.tunnel_server import CLOUD_ID
from tests.end_to_end.client import Answer, Client
from tests.site_door.case import ADMIN

PAGE = "/ui/en/cloud-keys.htm"
KEYS = f"/cloud/api/v1/systems/{CLOUD_ID}/keys"
_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True)
class MadeKey:
    """What its admin has of a new one."""

    id: str
    token: str

    @property
    def bearer(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.token}"


class KeysPage:
    """The page of access keys, in the browser of who is logged in as admin."""

    def __init__(self, browser: Client) -> None:
        self.browser = browser
        #: What it shows to try the last new key with.
        self.command = ""

    def see(self, query: str = "") -> str:
        answer = self.browser.get(PAGE + query)
        assert answer.status == 200, answer.status
        return unescape(answer.body.decode())

    def send(self, action: str, **form: str) -> Answer:
        csrf = re.search(r'<meta name="csrf" content="([^"]+)"', self.see())
        assert csrf is not None
        form = {"csrf": csrf[1], "action": action, **form}
        return self.browser.request("POST", PAGE, urlencode(form).encode(), [_FORM])

    def add(self, role: str = "api", name: str = "evcc") -> MadeKey:
        """As the page shows it, this once."""
        self.send("add", name=name, role=role, expiry="365")
        page = self.see()
        token = re.search(r'id="new-token" class="value">([^<]+)<', page)
        # The newest key comes first.
        key_id = re.search(r'data-key-row="([^"]+)"', page)
        command = re.search(r'id="new-command" class="value">([^<]+)<', page)
        assert token and key_id and command, page
        self.command = command[1]
        return MadeKey(key_id[1], token[1])

    def authorise(self, key: MadeKey, secret: str = ADMIN) -> int:
        return self.send("authorise", key=key.id, admin_secret=secret).status

    def make(
        self, role: str = "api", name: str = "evcc", secret: str = ADMIN
    ) -> MadeKey:
        """One that works."""
        key = self.add(role, name)
        assert self.authorise(key, secret) == 303
        return key


class Called(NamedTuple):
    """What an API has answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    browser: Client, method: str, path: str, body: Any = None, *fields: tuple[str, str]
) -> Called:
    """A call of the API, as a program makes it."""
    sent = b"" if body is None else json.dumps(body).encode()
    answer = browser.request(method, path, sent, [_JSON, *fields])
    return Called(answer.status, answer.body)
