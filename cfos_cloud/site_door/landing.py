"""Log-in at the host of a site's main device, for those of the further ones, too."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.gateway import cookies
from cfos_cloud.gateway.addresses import login_path
from cfos_cloud.gateway.bookmarks import way_back
from cfos_cloud.gateway.further_sessions import FurtherSessions
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.site_door.hosts import SiteHosts
from cfos_cloud.web.answers import is_document, is_seen, redirect
from cfos_cloud.web.hosts.landing import OwnOrigins
from cfos_cloud.web.login.landing import LOGGED_OUT, Fields, OneOrigin
from cfos_cloud.web.login.wanted import Wanted
from cfos_cloud.web.visitor import Visitor, refusal


@dataclass(frozen=True)
class SiteLanding:
    """
    See :class:`~cfos_cloud.web.login.landing.Landing`.

    The session that is logged in to stays at the main device's host. A further host
    has one of its own, which lives by the first.

    :param origins: leads to further hosts.
    """

    hosts: SiteHosts
    origins: OwnOrigins
    further: FurtherSessions
    is_shared: bool = True

    def wanted(self, request: IRequest) -> Wanted | None:
        """What the address says, if there is such a device."""
        wanted = Wanted.of(request)
        if wanted is None:
            return None
        is_ours = wanted.device in (self.hosts.main, *self.hosts.devices)
        return wanted if is_ours else None

    def forms_to(self, request: IRequest) -> bytes:
        """To any further device."""
        return self.origins.forms_to(request)

    def arrive(
        self,
        request: IRequest,
        visitor: Visitor,
        session: Session,
        wanted: Wanted | None,
    ) -> tuple[bytes, Fields]:
        """To the page that was wanted, on whichever host it is."""
        location, fields = self._here.arrive(request, visitor, session, None)
        if wanted is None:
            return location, fields
        elsewhere = self._lead(request, session, wanted)
        if elsewhere is not None:
            return elsewhere, fields
        name = cookies.our_name(b"back", visitor.secure)
        mark = cookies.find(visitor.cookie, name)
        if mark is not None:
            fields = [*fields, visitor.set_cookie(b"back", b"", 0)]
        return way_back(wanted.path, mark), fields

    def onward(self, request: IRequest, visitor: Visitor) -> bytes | None:
        """
        Whoever has logged in need not do so again for a further device. A browser that
        has a session there, and has come for one nevertheless, keeps no cookies of that
        host: it would come for ever.
        """
        session, wanted = visitor.session, self.wanted(request)
        if session is None or wanted is None or wanted.device == self.hosts.main:
            return None
        if not is_seen(request) or not is_document(request):
            return None
        if refusal(request, visitor) is not None:
            return None
        if self.further.is_open(session, wanted.device):
            return None
        return self._lead(request, session, wanted)

    def leave(self, request: IRequest, visitor: Visitor) -> bytes:
        """After a log-out on a further host, which has ended the session of here."""
        # What a stranger's page loads has no cookies, though there is a session.
        if visitor.session is not None or not is_document(request):
            return self._here.leave(request, visitor)
        location = login_path(visitor.language) + LOGGED_OUT
        return redirect(request, location, visitor.forget())

    @property
    def _here(self) -> OneOrigin:
        return OneOrigin(self.origins.entrance)

    def _lead(
        self, request: IRequest, session: Session, wanted: Wanted
    ) -> bytes | None:
        """The way to a further host; ``None``: it is this one."""
        made = self.further.open(session, self.hosts.main, wanted.device)
        if made is None:
            return None
        return self.origins.lead(request, made, wanted.device, wanted.path)
