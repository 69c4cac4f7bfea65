"""Which part answers which of our own addresses, where the device end shows them."""

from __future__ import annotations

from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.leaf import PagesLeaf
from cfos_cloud.web.login.pages import LoginPages
from cfos_cloud.web.overview.page import OverviewPages, is_overview


class DoorRoot(Resource):
    """
    Log-in and log-out, the devices of the site, and what belongs to all pages; all else
    is not found.
    """

    isLeaf = True

    def __init__(
        self, login: LoginPages, common: CommonPages, overview: OverviewPages
    ) -> None:
        super().__init__()
        self._login = PagesLeaf(login.resource())
        self._common = PagesLeaf(common.resource())
        self._overview = PagesLeaf(overview.resource())

    def render(self, request: IRequest) -> object:
        if is_overview(request.postpath):
            return self._overview.render(request)
        is_page = request.postpath[:1] == [b"ui"]
        return (self._login if is_page else self._common).render(request)
