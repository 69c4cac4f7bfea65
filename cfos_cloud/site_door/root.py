"""Which part answers which of our own addresses, where the device end shows them."""

from __future__ import annotations

from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from cfos_cloud.web.common import CommonPages
from cfos_cloud.web.leaf import PagesLeaf
from cfos_cloud.web.login.pages import LoginPages


class DoorRoot(Resource):
    """Log-in and log-out, and what belongs to all pages; all else is not found."""

    isLeaf = True

    def __init__(self, login: LoginPages, common: CommonPages) -> None:
        super().__init__()
        self._login = PagesLeaf(login.resource())
        self._common = PagesLeaf(common.resource())

    def render(self, request: IRequest) -> object:
        is_page = request.postpath[:1] == [b"ui"]
        return (self._login if is_page else self._common).render(request)
