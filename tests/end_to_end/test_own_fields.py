"""Every address that a part of ours declares, and what its answers tell browsers."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

from klein import Klein

import cfos_cloud.web
from tests.end_to_end.case import EndToEndTestCase
from tests.end_to_end.client import LOGIN, Client
from tests.end_to_end.test_operator_api import basic
from tests.own_answers import complaints
from tests.web.api.test_roles import declared_routes

#: What stands for the variable parts of addresses.
VALUES = {"language": "en", "name": "login.js", "path": "nothing"}


def declared_pages() -> set[str]:
    """The addresses of all classes with an ``app`` of Klein's in the room of pages."""
    found: set[str] = set()
    for info in pkgutil.walk_packages(cfos_cloud.web.__path__, "cfos_cloud.web."):
        for each in vars(importlib.import_module(info.name)).values():
            app = vars(each).get("app") if isinstance(each, type) else None
            if isinstance(app, Klein):
                found |= {rule.rule for rule in app.url_map.iter_rules()}
    return found


def addresses() -> Iterator[tuple[str, str]]:
    """Methods and paths."""
    for declared in declared_routes():
        yield declared.method, declared.path
        yield "OPTIONS", declared.path
    for path in (*declared_pages(), "/cloud/health", "/cloud/none", "/cloud/tunnel"):
        for method in ("GET", "HEAD", "DELETE"):
            yield method, path


def filled(path: str) -> str:
    return re.sub("<(?:[a-z]+:)?([a-z_]+)>", lambda n: VALUES.get(n[1], "none"), path)


class OwnFieldsTests(EndToEndTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wrong: dict[str, list[str]] = {}
        self.statuses: dict[int, int] = {}

    def look(
        self, client: Client, method: str, path: str, *fields: tuple[str, str]
    ) -> None:
        """On a connection of its own: some answers never end."""
        connection = client.connection()
        try:
            client.send(connection, method, path, fields=fields)
            response = connection.getresponse()
        finally:
            connection.close()
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        found = complaints(response.getheaders())
        if found:
            self.wrong[f"{method} {path}: {response.status}"] = found

    def test_all_of_them_tell_them_all(self) -> None:
        pages = declared_pages()
        self.assertIn("/ui/<language>/cloud-login.htm", pages)
        self.assertIn("/cloud/assets/<name>", pages)
        stranger = self.server.client(source=self.new_source())
        for method, path in addresses():
            self.look(stranger, method, filled(path))
        for path in (LOGIN, "/cloud/session", "/cloud/", "/ui/en/cloud-keys.htm"):
            self.look(self.admin, "GET", path)
        for declared in declared_routes():
            if declared.method == "GET":
                self.look(stranger, "GET", filled(declared.path), basic())
        self.look(stranger, "GET", "/page", ("Accept", "text/html"))
        self.look(stranger, "GET", "/api/json/all")
        self.assertEqual(self.wrong, {})
        # It was seen in all its states.
        self.assertLessEqual({200, 303, 401, 404, 405}, set(self.statuses))
