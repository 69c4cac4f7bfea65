"""Which part answers which of our own addresses, where the device end shows them."""

from __future__ import annotations

from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from cfos_cloud.site_door.key_side import KeyPages
from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.leaf import PagesLeaf
from cfos_cloud.web.login.pages import LoginPages
from cfos_cloud.web.overview.page import OverviewPages, is_overview

_API = [b"cloud", b"api", b"v1"]
_KEYS_PAGE = b"cloud-keys.htm"


class DoorRoot(Resource):
    """
    Log-in, log-out, access keys, the devices of the site, and what belongs to all
    pages; else not found.
    """

    isLeaf = True

    def __init__(
        self,
        login: LoginPages,
        common: CommonPages,
        keys: KeyPages,
        overview: OverviewPages,
    ) -> None:
        super().__init__()
        self._login = PagesLeaf(login.resource())
        self._common = PagesLeaf(common.resource())
        self._keys = PagesLeaf(keys.page.resource())
        self._overview = PagesLeaf(overview.resource())
        self._api = keys.api

    def render(self, request: IRequest) -> object:
        path = request.postpath
        if is_overview(path):
            return self._overview.render(request)
        if path[:3] == _API:
            # It sees what follows.
            request.prepath += path[:3]
            del path[:3]
            return self._api.render(request)
        if path[:1] != [b"ui"]:
            return self._common.render(request)
        is_keys = len(path) == 3 and path[2] == _KEYS_PAGE
        return (self._keys if is_keys else self._login).render(request)
