"""The addresses of the site's pages and of what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.web.iweb import IRequest

from cfos_cloud.demo.site import documents
from cfos_cloud.demo.site.calls import Answer, Call, Refused
from cfos_cloud.demo.site.pages import PAGE_FIELDS, SitePages
from cfos_cloud.demo.site.routes import Needs, route
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.visitors import NOBODY, Role, Visitor
from cfos_cloud.languages import SUPPORTED, choose
from cfos_cloud.pages import HTML

Values = dict[str, object]
#: Pages that a user has, too.
_FOR_USERS = frozenset({"index", "sessions"})
_SIM = b"<!doctype html>\n<title>Charging site</title>\n<p>ok\n"
_IMMUTABLE = b"public, max-age=31536000, immutable"


class PageRoutes:
    """A page has its values in it, so it shows something without a script."""

    def __init__(self, site: ChargingSite, pages: SitePages) -> None:
        self._site = site
        self._pages = pages
        self._values_of: Mapping[str, Callable[[Visitor], Values]] = {
            "index": self._index,
            "sessions": self._sessions,
            "users": self._users,
            "settings": self._settings,
            "firmware": lambda visitor: {},
        }

    @route("/", needs=Needs.NOTHING)
    async def root(self, call: Call) -> Answer:
        wanted = call.headers.get(b"accept-language", b"")
        language = choose(wanted.decode("latin-1"))
        location = f"/ui/{language}/index.htm".encode()
        fields = ((b"Location", location), (b"Vary", b"Accept-Language"))
        return Answer(303, b"", b"", fields)

    @route("/ui/<language>/sim.htm", needs=Needs.ADMIN)
    async def sim(self, call: Call, language: str) -> Answer:
        """The vendor's: 200 for the right password."""
        return Answer(body=_SIM, content_type=HTML)

    @route("/ui/<language>/<name>", needs=Needs.PERSON)
    async def page(self, call: Call, language: str, name: str) -> Answer:
        page, dot, suffix = name.partition(".")
        values_of = self._values_of.get(page)
        if values_of is None or f"{dot}{suffix}" != ".htm" or language not in SUPPORTED:
            raise Refused(404, "unknown")
        if call.visitor.role is Role.USER and page not in _FOR_USERS:
            raise Refused(403, "forbidden")
        return self._render(call, language, page, values_of(call.visitor))

    @route("/ui/assets/<name>", needs=Needs.NOTHING)
    async def asset(self, call: Call, name: str) -> Answer:
        asset = self._pages.assets.find(name)
        if asset is None:
            raise Refused(404, "unknown")
        etag = asset.etag.encode()
        fields = (
            (b"ETag", etag),
            (b"Cache-Control", _IMMUTABLE if asset.is_immutable else b"no-cache"),
        )
        if call.headers.get(b"if-none-match") == etag:
            return Answer(304, b"", b"", fields)
        return Answer(200, asset.body, asset.content_type.encode(), fields)

    def created_page(self, call: Call, created: dict[str, object]) -> Answer:
        """The page of users with a new user, whose ID it shows this once."""
        language, _ = call.back_page or (SUPPORTED[0], "")
        values = {**self._users(call.visitor), "created": created}
        return self._render(call, language, "users", values, status=201)

    def error_page(self, request: IRequest, status: int) -> Answer | None:
        """For an address of a page; a script's request gets JSON."""
        if not request.path.startswith(b"/ui/") or status not in (403, 404, 500):
            return None
        named = request.path.split(b"/")[2].decode("utf-8")
        language = named if named in SUPPORTED else SUPPORTED[0]
        values = self._common(NOBODY, "error", "index.htm") | {"status": status}
        body = self._pages.render("error.html", language, values)
        return Answer(status, body, HTML, PAGE_FIELDS)

    # values

    def _render(
        self, call: Call, language: str, page: str, values: Values, status: int = 200
    ) -> Answer:
        common = self._common(call.visitor, page, f"{page}.htm")
        shown = {
            **common,
            "problem": call.code("problem"),
            "done": call.code("done"),
            **values,
        }
        body = self._pages.render(f"{page}.html", language, shown)
        return Answer(status, body, HTML, PAGE_FIELDS)

    def _common(self, visitor: Visitor, page: str, path: str) -> Values:
        return {
            "page": page,
            "path": path,
            "site": documents.about(self._site),
            "user": visitor.name,
            "role": visitor.role.value,
            "cloud_login": visitor.cloud_login,
            "cloud_keys": visitor.cloud_keys,
            "problem": None,
            "done": None,
        }

    def _index(self, visitor: Visitor) -> Values:
        return {
            "state": documents.state(self._site, visitor),
            "history": documents.history(self._site, visitor, 60),
        }

    def _sessions(self, visitor: Visitor) -> Values:
        return {
            "sessions": documents.sessions(self._site, visitor),
            "wallboxes": documents.wallbox_names(self._site, visitor),
        }

    def _users(self, visitor: Visitor) -> Values:
        return {
            "users": {"items": documents.users(self._site)},
            "wallboxes": documents.wallbox_names(self._site, visitor),
            "created": None,
            "admin_password_set": self._site.accounts.admin_password_set,
        }

    def _settings(self, visitor: Visitor) -> Values:
        return {
            "settings": documents.settings(self._site),
            "admin_password_set": self._site.accounts.admin_password_set,
            "cloud": documents.cloud(self._site),
            "wallboxes": documents.wallbox_names(self._site, visitor),
        }
