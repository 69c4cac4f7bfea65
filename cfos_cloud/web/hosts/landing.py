"""Log-in at the cloud's own host, for sessions on the hosts of devices."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import fold
from cfos_cloud.gateway.addresses import ENTER_PATH, login_path
from cfos_cloud.gateway.handover import Handovers
from cfos_cloud.gateway.hosts import Hosts
from cfos_cloud.gateway.sessions import Session
from cfos_cloud.hosts import DeviceHost
from cfos_cloud.web.answers import field, is_secure, redirect
from cfos_cloud.web.login.landing import LOGGED_OUT, Entrance, Fields
from cfos_cloud.web.login.wanted import Wanted
from cfos_cloud.web.visitor import Visitor


@dataclass(frozen=True)
class Places:
    """The hosts, as seen by who sends a request."""

    hosts: Hosts

    def origin(self, request: IRequest, device: DeviceHost | None = None) -> bytes:
        """Of a device's host, or of the cloud's own."""
        return self.hosts.origin_of(device, _host(request), _scheme(request))

    def all_devices(self, request: IRequest) -> bytes:
        """Of all devices, for a ``Content-Security-Policy``."""
        return self.hosts.all_devices(_host(request), _scheme(request))


@dataclass(frozen=True)
class OwnOrigins:
    """A host for each device; see :class:`~cfos_cloud.web.login.landing.Landing`."""

    places: Places
    handovers: Handovers
    entrance: Entrance
    is_shared: bool = False

    def wanted(self, request: IRequest) -> Wanted | None:
        """What the address says."""
        return Wanted.of(request)

    def forms_to(self, request: IRequest) -> bytes:
        """To any device."""
        return self.places.all_devices(request)

    def arrive(
        self,
        request: IRequest,
        visitor: Visitor,
        session: Session,
        wanted: Wanted | None,
    ) -> tuple[bytes, Fields]:
        """
        To the host of the device, with a code. This host never sees the session: here
        the browser is only remembered.
        """
        device, path = DeviceHost(fold(session.cloud_id)), b"/"
        if wanted is not None and wanted.device.cloud_id == device.cloud_id:
            device, path = wanted.device, wanted.path
        location = self.lead(request, session, device, path)
        return location, self.entrance.remember(visitor, session)

    def lead(
        self, request: IRequest, session: Session, device: DeviceHost, path: bytes
    ) -> bytes:
        """The URL by which a new session gets to ``device``'s host."""
        code = self.handovers.issue(session, device, path).encode("ascii")
        return b"%b%b/%b" % (self.places.origin(request, device), ENTER_PATH, code)

    def onward(self, request: IRequest, visitor: Visitor) -> bytes | None:
        """Who has logged in before is not known to this host."""
        return None

    def leave(self, request: IRequest, visitor: Visitor) -> bytes:
        """After a log-out on the host of a device: this one forgets, too."""
        location = login_path(visitor.language) + LOGGED_OUT
        return redirect(request, location, [visitor.set_cookie(b"last", b"", 0)])


def _host(request: IRequest) -> bytes:
    return field(request, b"host") or b""


def _scheme(request: IRequest) -> bytes:
    return b"https" if is_secure(request) else b"http"
