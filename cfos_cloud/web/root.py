"""Which part answers which of our own addresses."""

from __future__ import annotations

from collections.abc import Mapping

from klein.resource import KleinResource
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource

from cfos_cloud.languages import choose
from cfos_cloud.web.admin.page import AdminPages
from cfos_cloud.web.answers import field, redirect
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.hosts.pages import HostPages
from cfos_cloud.web.keys.page import KeysPages
from cfos_cloud.web.leaf import PagesLeaf as _Leaf
from cfos_cloud.web.login.pages import LoginPages
from cfos_cloud.web.overview.page import OverviewPages
from cfos_cloud.web.session_state import SessionState


def make_root(
    login_pages: LoginPages,
    common_pages: CommonPages,
    operator_api: IResource,
    health: IResource,
    session_state: SessionState,
    metrics: KleinResource | None = None,
    admin_pages: AdminPages | None = None,
    keys_pages: KeysPages | None = None,
    cloud_data: KleinResource | None = None,
    overview: OverviewPages | None = None,
) -> Resource:
    """
    ``/cloud/api/v1/…`` and ``/cloud/health`` go to their resources, which see what
    follows as ``postpath``; all others see their whole path. Without ``metrics``,
    ``admin_pages``, ``keys_pages``, ``cloud_data`` (``/api/…``) or ``overview`` those
    are elsewhere, and not found here.
    """
    common = _Leaf(common_pages.resource())
    root, cloud, api = _Branch(common), _Branch(common), _Branch(common)
    pages = _Leaf(login_pages.resource())
    others = {}
    if admin_pages is not None:
        others[b"cloud-admin.htm"] = _Leaf(admin_pages.resource())
    if keys_pages is not None:
        others[b"cloud-keys.htm"] = _Leaf(keys_pages.resource())
    root.putChild(b"ui", _Pages(pages, others))
    root.putChild(b"cloud", cloud)
    cloud.putChild(b"api", api)
    cloud.putChild(b"health", health)
    cloud.putChild(b"session", _Leaf(session_state.resource()))
    if overview is not None:
        put_overview(cloud, overview)
    api.putChild(b"v1", operator_api)
    if metrics is not None:
        cloud.putChild(b"metrics", _Leaf(metrics))
    if cloud_data is not None:
        root.putChild(b"api", _Leaf(cloud_data))
    return root


def put_overview(cloud: Resource, overview: OverviewPages) -> None:
    """``/cloud/`` and ``/cloud/open/…``, in the folder ``cloud``."""
    for name in (b"", b"open"):
        cloud.putChild(name, _Leaf(overview.resource()))


def make_admin_root(
    common_pages: CommonPages,
    operator_api: IResource,
    health: IResource,
    metrics: KleinResource,
    admin_pages: AdminPages | None = None,
    cloud_data: KleinResource | None = None,
) -> Resource:
    """The same for a port of the operator's own."""
    common = _Leaf(common_pages.resource())
    root, cloud, api = _Branch(common), _Branch(common), _Branch(common)
    root.putChild(b"", _AdminStart())
    if admin_pages is not None:
        admin = {b"cloud-admin.htm": _Leaf(admin_pages.resource())}
        root.putChild(b"ui", _Pages(common, admin))
    root.putChild(b"cloud", cloud)
    cloud.putChild(b"api", api)
    cloud.putChild(b"health", health)
    cloud.putChild(b"metrics", _Leaf(metrics))
    api.putChild(b"v1", operator_api)
    if cloud_data is not None:
        root.putChild(b"api", _Leaf(cloud_data))
    return root


def make_device_root(
    host_pages: HostPages,
    common_pages: CommonPages,
    api_of_browsers: IResource,
    health: IResource,
    session_state: SessionState,
    keys_pages: KeysPages | None = None,
    overview: OverviewPages | None = None,
) -> Resource:
    """The same for the hosts of devices: nothing of the operator's is there."""
    common = _Leaf(common_pages.resource())
    root, cloud, api = _Branch(common), _Branch(common), _Branch(common)
    pages = _Leaf(host_pages.resource())
    keys = {}
    if keys_pages is not None:
        keys[b"cloud-keys.htm"] = _Leaf(keys_pages.resource())
    root.putChild(b"ui", _Pages(pages, keys))
    root.putChild(b"cloud", cloud)
    cloud.putChild(b"api", api)
    if overview is not None:
        put_overview(cloud, overview)
    cloud.putChild(b"enter", pages)
    cloud.putChild(b"health", health)
    cloud.putChild(b"session", _Leaf(session_state.resource()))
    api.putChild(b"v1", api_of_browsers)
    return root


class _AdminStart(Resource):
    """``/`` of the operator's port: to the page, in the browser's language."""

    isLeaf = True

    def render_GET(self, request: IRequest) -> bytes:
        wanted = field(request, b"accept-language") or b""
        language = choose(wanted.decode("latin-1"))
        location = b"/ui/%b/cloud-admin.htm" % language.encode("ascii")
        return redirect(request, location, [(b"Vary", b"Accept-Language")])


class _Pages(Resource):
    """``/ui/<lang>/``: pages that are parts of their own, by name, and the others."""

    isLeaf = True

    def __init__(self, others: _Leaf, named: Mapping[bytes, _Leaf]) -> None:
        super().__init__()
        self._others = others
        self._named = named

    def render(self, request: IRequest) -> object:
        name = request.postpath[1] if len(request.postpath) == 2 else b""
        return self._named.get(name, self._others).render(request)


class _Branch(Resource):
    """A folder whose other children are pages."""

    def __init__(self, pages: _Leaf) -> None:
        super().__init__()
        self._pages = pages

    def getChild(self, path: bytes, request: IRequest) -> Resource:
        return self._pages

    def render(self, request: IRequest) -> object:
        return self._pages.render(request)
