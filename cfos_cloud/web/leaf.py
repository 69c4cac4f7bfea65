"""Where the tree of twisted.web's resources ends and Klein's routes begin."""

from __future__ import annotations

from klein.resource import KleinResource
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from werkzeug.exceptions import BadHost

from cfos_cloud.web.answers import answer


class PagesLeaf(Resource):
    """Pages by whole paths, whatever was taken off them on the way here."""

    isLeaf = True

    def __init__(self, pages: KleinResource) -> None:
        super().__init__()
        self._pages = pages

    def render(self, request: IRequest) -> object:
        request.postpath[:0] = request.prepath
        request.prepath.clear()
        try:
            b"/".join(request.postpath).decode("utf-8")
            return self._pages.render(request)
        # A name that DNS could not have, "a..b" say; an address that is no text, of
        # which Klein would log a traceback.
        except (BadHost, UnicodeDecodeError):
            return answer(request, 400, [(b"Cache-Control", b"no-store")])
