"""What belongs to all our pages: style sheets, icons, robots.txt, "no such page"."""

from __future__ import annotations

from klein import Klein
from klein.resource import KleinResource
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from cfos_cloud.gateway.error_pages import ErrorKind, ErrorPages
from cfos_cloud.pages import Pages
from cfos_cloud.safe_fields import COMMON_FIELDS
from cfos_cloud.web.answers import (
    answer,
    answer_error,
    answer_routing_error,
    field,
)

_IMMUTABLE = b"public, max-age=31536000, immutable"


class CommonPages:
    """``/robots.txt``, ``/cloud/assets/``, and a 404 page for anything else."""

    app = Klein()

    def __init__(self, pages: Pages) -> None:
        self._assets = pages.assets
        self._errors = ErrorPages(pages)

    def resource(self) -> KleinResource:
        """The routes are whole paths."""
        return self.app.resource()

    @app.route("/robots.txt", methods=["GET"])
    def robots(self, request: IRequest) -> bytes:
        fields = [(b"Content-Type", b"text/plain; charset=utf-8"), *COMMON_FIELDS]
        return answer(request, 200, fields, b"User-agent: *\nDisallow: /\n")

    @app.route("/cloud/assets/<name>", methods=["GET"])
    def asset(self, request: IRequest, name: str) -> bytes:
        asset = self._assets.find(name)
        if asset is None:
            return answer_error(request, self._errors, ErrorKind.NOT_FOUND)
        etag = asset.etag.encode()
        fields = [
            *COMMON_FIELDS,
            (b"ETag", etag),
            (b"Cache-Control", _IMMUTABLE if asset.is_immutable else b"no-cache"),
        ]
        if field(request, b"if-none-match") == etag:
            return answer(request, 304, fields)
        fields.append((b"Content-Type", asset.content_type.encode()))
        return answer(request, 200, fields, asset.body)

    @app.handle_errors(HTTPException)
    def error(self, request: IRequest, failure: Failure) -> bytes:
        return answer_routing_error(request, self._errors, failure)
