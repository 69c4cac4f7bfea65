"""Which part answers which of our own addresses on the host of a further device."""

from __future__ import annotations

from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from cfos_cloud.web.answers import redirect
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.hosts.landing import Places
from cfos_cloud.web.hosts.pages import HostPages
from cfos_cloud.web.leaf import PagesLeaf
from cfos_cloud.web.overview.page import is_overview


class FurtherRoot(Resource):
    """The session there; the overview is where people have logged in."""

    isLeaf = True

    def __init__(self, host: HostPages, common: CommonPages, places: Places) -> None:
        super().__init__()
        self._host = PagesLeaf(host.resource())
        self._common = PagesLeaf(common.resource())
        self._places = places

    def render(self, request: IRequest) -> object:
        path = request.postpath
        if is_overview(path):
            there = request.uri.partition(b"?")[0]
            return redirect(request, self._places.origin(request) + there)
        is_host_page = path[:1] == [b"ui"] or path[:2] == [b"cloud", b"enter"]
        return (self._host if is_host_page else self._common).render(request)
