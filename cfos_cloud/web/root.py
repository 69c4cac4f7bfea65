"""Which part answers which of our own addresses."""

from __future__ import annotations

from klein.resource import KleinResource
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from werkzeug.exceptions import BadHost

from cfos_cloud.web.answers import answer
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.login import LoginPages


def make_root(
    login_pages: LoginPages,
    common_pages: CommonPages,
    operator_api: IResource,
    health: IResource,
) -> Resource:
    """
    ``/cloud/api/v1/…`` and ``/cloud/health`` go to their resources, which see what
    follows as ``postpath``; pages see their whole path.
    """
    common = _Leaf(common_pages.resource())
    root, cloud, api = _Branch(common), _Branch(common), _Branch(common)
    root.putChild(b"ui", _Branch(_Leaf(login_pages.resource())))
    root.putChild(b"cloud", cloud)
    cloud.putChild(b"api", api)
    cloud.putChild(b"health", health)
    api.putChild(b"v1", operator_api)
    return root


class _Leaf(Resource):
    """Pages by whole paths, whatever was taken off them on the way here."""

    isLeaf = True

    def __init__(self, pages: KleinResource) -> None:
        super().__init__()
        self._pages = pages

    def render(self, request: IRequest) -> object:
        request.postpath[:0] = request.prepath
        request.prepath.clear()
        try:
            return self._pages.render(request)
        except BadHost:  # a name that DNS could not have, "a..b" say
            return answer(request, 400, [(b"Cache-Control", b"no-store")])


class _Branch(Resource):
    """A folder whose other children are pages."""

    def __init__(self, pages: _Leaf) -> None:
        super().__init__()
        self._pages = pages

    def getChild(self, path: bytes, request: IRequest) -> Resource:
        return self._pages

    def render(self, request: IRequest) -> object:
        return self._pages.render(request)
