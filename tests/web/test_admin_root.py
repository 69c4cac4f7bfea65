"""The operator's own port, and what remains for browsers where there is one."""

from __future__ import annotations

from typing import Any

from klein import Klein
from twisted.web.iweb import IRequest

from cfos_cloud.web.api.operation import Operation
from cfos_cloud.web.api.operator_api import OPERATORS, OperatorAPI, operator_authorizers
from cfos_cloud.web.api.routes import Answer, APIResource, mount, route
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.operator.authorization import Anybody, Needs
from cfos_cloud.web.root import make_admin_root
from tests.web.operator_support import OperatorAPICase, basic
from tests.web.support import Browser, Echo, the_pages


class Numbers:
    @route(
        "/cloud/metrics",
        method="GET",
        needs=Needs.NOTHING,
        about=Operation("Numbers", {204: None}),
    )
    async def show(self, request: IRequest) -> Answer:
        return Answer(204)


class AdminRootTests(OperatorAPICase):
    def setUp(self) -> None:
        super().setUp()
        app = Klein()
        mount(app, [Numbers()], {Needs.NOTHING: Anybody()})
        root = make_admin_root(
            CommonPages(the_pages()), Echo(b"api"), Echo(b"health"), APIResource(app)
        )
        self.browser = Browser(root)

    def test_it_begins_at_the_operator_s_page(self) -> None:
        for wanted, language in (("de", "de"), ("pt-BR", "pt"), ("fr", "en")):
            reply = self.browser.get("/", accept_language=wanted)
            self.assertEqual(reply.status, 303)
            self.assertEqual(
                reply.header("location"), f"/ui/{language}/cloud-admin.htm"
            )
            self.assertEqual(reply.header("vary"), "Accept-Language")

    def test_api_health_and_metrics_are_there(self) -> None:
        reply = self.browser.get("/cloud/api/v1/systems/a")
        self.assertEqual(reply.body, b"api systems/a")
        self.assertEqual(self.browser.get("/cloud/health").body, b"health ")
        self.assertEqual(self.browser.get("/cloud/metrics").status, 204)

    def test_so_are_the_assets_of_its_pages(self) -> None:
        self.assertEqual(self.browser.get("/cloud/assets/icon.svg").status, 200)

    def test_nothing_of_the_devices_is(self) -> None:
        for path in (
            "/ui/en/cloud-login.htm",
            "/ui/en/index.htm",
            "/api/json/all",
            "/cloud/tunnel",
            "/cloud/metrics/more",
            "/index.htm",
        ):
            reply = self.browser.get(path)
            self.assertEqual(reply.status, 404, path)


class BrowsersAPITests(OperatorAPICase):
    """The API on the port of browsers, where the operator has another."""

    def make_api(self) -> None:
        super().make_api()
        resources = [*self.resources(), Numbers()]
        authorizers = operator_authorizers(self.password, self.sessions)
        self.rest = OperatorAPI(resources, authorizers, without=OPERATORS)

    def test_no_route_of_the_operator_s_is_there(self) -> None:
        self.assertGreater(len(list(self.api.app.url_map.iter_rules())), 5)
        self.assertEqual(list(self.rest.app.url_map.iter_rules()), [])

    def test_with_the_right_password_it_is_404_too(self) -> None:
        root: Any = self.rest.resource()
        browser = Browser(root)
        for path in ("/systems", "/openapi.json"):
            reply = browser.get(path, **basic())
            self.assertEqual(reply.status, 404)
            self.assertEqual(reply.header("content-type"), "application/problem+json")
