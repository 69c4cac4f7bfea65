"""The connections of one socket: pages and JSON, uploads, live values."""

from __future__ import annotations

import json
from math import ceil

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Site
from wsproto.frame_protocol import CloseReason

from cfos_cloud.demo.site import documents
from cfos_cloud.demo.site.access import Access
from cfos_cloud.demo.site.answers import field_map, send_json, send_refusal
from cfos_cloud.demo.site.firmware import RESTART_SECONDS, Uploaded
from cfos_cloud.demo.site.hosts import HostRule
from cfos_cloud.demo.site.live import BadHandshake, LiveEnd, LiveSocket, accept
from cfos_cloud.demo.site.site import ChargingSite
from cfos_cloud.demo.site.uploads import Upload, UploadAnswer, UploadRefused
from cfos_cloud.demo.site.visitors import (
    AccessRefused,
    Fields,
    Role,
    Visitor,
    from_own_pages,
)
from cfos_cloud.gateway.pages import PageExchange
from cfos_cloud.http.message import BadMessage, RequestHead, value_of
from cfos_cloud.relay.channel import RequestChannel, RequestSink

LIVE = b"/api/site/live"
FIRMWARE = b"/api/site/firmware"
UPLOAD = b"/upload"
#: Live pages at one time; a real device has fewer.
MAX_LIVE = 100
_MISDIRECTED = "The site is not known by this name; open it by its address.\n"


class SiteFactory(ServerFactory):
    """
    Makes the connections of one socket.

    :param pages: everything that is no upload and no live connection.
    :param knows: whether the site goes by what ``Host`` says.
    """

    noisy = False

    def __init__(
        self,
        site: ChargingSite,
        access: Access,
        pages: Site,
        clock: IReactorTime,
        knows: HostRule,
    ) -> None:
        self.knows = knows
        self.site = site
        self.access = access
        self.pages = pages
        self.clock = clock
        self.live: set[LiveSocket] = set()
        self.channels: set[RequestChannel] = set()

    def buildProtocol(self, addr: IAddress | None) -> RequestChannel:
        address = str(getattr(addr, "host", ""))
        channel = RequestChannel(SiteConnection(self, address), self.clock)
        self.channels.add(channel)
        return channel

    def close(self) -> None:
        """End all connections."""
        for channel in list(self.channels):
            channel.abort()


class _Undecided:
    """Waits until it is known who asks; there is no body."""

    def __init__(self) -> None:
        self.gone = False

    def body(self, data: bytes) -> None:
        """None comes."""

    def end(self) -> None:
        """At once."""

    def closed(self, clean: bool) -> None:
        self.gone = True

    def pause_response(self) -> None:
        """There is none."""

    def resume_response(self) -> None:
        """There is none."""


class SiteConnection:
    """The request handler of one connection."""

    log = Logger()

    def __init__(self, factory: SiteFactory, address: str) -> None:
        self._factory = factory
        self._address = address

    # RequestHandler

    def request(self, channel: RequestChannel, head: RequestHead) -> RequestSink | None:
        factory = self._factory
        if not factory.knows(value_of(head.fields, b"host") or b""):
            send_refusal(channel, AccessRefused(421, "host", text=_MISDIRECTED))
            return None
        path = head.target.partition(b"?")[0]
        if path == LIVE and head.upgrade is not None:
            return self._begin_live(channel, head)
        if path == FIRMWARE and head.method == b"POST":
            return self._begin_firmware(channel, head)
        if path == UPLOAD and head.method in (b"POST", b"PUT"):
            return self._begin_upload(channel, head)
        return PageExchange(factory.pages, channel, head, self._address, False)

    def bad_request(self, channel: RequestChannel, why: BadMessage) -> None:
        send_json(channel, why.status, {"error": "malformed"})

    def channel_closed(self, channel: RequestChannel) -> None:
        self._factory.channels.discard(channel)

    # uploads

    def _begin_upload(self, channel: RequestChannel, head: RequestHead) -> RequestSink:
        fields = field_map(head)

        async def admit() -> None:
            visitor = await self._factory.access.visitor(fields, self._address)
            if visitor.role is Role.API:
                raise UploadRefused(403, {"error": "forbidden"})

        def taken(what: Uploaded) -> UploadAnswer:
            return 200, {"size": what.size, "sha256": what.sha256}

        return Upload(channel, head, admit, taken).start()

    def _begin_firmware(
        self, channel: RequestChannel, head: RequestHead
    ) -> RequestSink:
        fields, firmware = field_map(head), self._factory.site.firmware

        async def admit() -> None:
            visitor = await self._factory.access.visitor(fields, self._address)
            if visitor.role is not Role.ADMIN:
                raise UploadRefused(403, {"error": "forbidden"})
            if fields.get(b"x-requested-with", b"").lower() != b"site":
                raise UploadRefused(403, {"error": "csrf"})
            if firmware.away_for > 0:
                wait = (b"Retry-After", b"%d" % ceil(firmware.away_for))
                raise UploadRefused(503, {"error": "restarting"}, wait)

        def taken(what: Uploaded) -> UploadAnswer:
            if not what.size:
                return 422, {"errors": {"file": "required"}}
            firmware.uploaded(what)
            return 200, {
                "size": what.size,
                "sha256": what.sha256,
                "version": what.version,
                "restart_s": RESTART_SECONDS,
            }

        return Upload(channel, head, admit, taken).start()

    # live values

    def _begin_live(self, channel: RequestChannel, head: RequestHead) -> RequestSink:
        sink = _Undecided()

        def failed(failure: Failure) -> None:
            self.log.failure("a live connection failed", failure)
            channel.abort()

        ensureDeferred(self._go_live(channel, head, sink)).addErrback(failed)
        return sink

    async def _go_live(
        self, channel: RequestChannel, head: RequestHead, sink: _Undecided
    ) -> None:
        factory, fields = self._factory, field_map(head)
        generation = factory.site.accounts.generation
        try:
            visitor = await self._visitor_of_live(fields)
            hello, connection = accept(head)
        except AccessRefused as refused:
            if not sink.gone:
                send_refusal(channel, refused)
            return
        except BadHandshake:
            if not sink.gone:
                send_json(channel, 400, {"error": "malformed"})
            return
        if sink.gone:
            return
        socket = LiveSocket(
            hello,
            connection,
            factory.clock,
            lambda: self._live_text(visitor, generation),
            factory.site.watch,
            lambda: factory.live.discard(socket),
        )
        factory.live.add(socket)
        channel.hand_over(socket)

    async def _visitor_of_live(self, fields: Fields) -> Visitor:
        """Another site's page can have a browser open a WebSocket, with passwords."""
        site = self._factory.site
        visitor = await self._factory.access.visitor(fields, self._address)
        if visitor.role not in (Role.ADMIN, Role.USER) or not from_own_pages(fields):
            raise AccessRefused(403, "forbidden", text="Not from here.\n")
        if site.firmware.away_for > 0 or len(self._factory.live) >= MAX_LIVE:
            wait = (b"Retry-After", b"%d" % max(1, ceil(site.firmware.away_for)))
            raise AccessRefused(503, "busy", wait, text="One moment, please.\n")
        return visitor

    def _live_text(self, visitor: Visitor, generation: int) -> str:
        site = self._factory.site
        if site.firmware.away_for > 0:
            raise LiveEnd(CloseReason.SERVICE_RESTART)
        is_user = visitor.role is Role.USER
        if is_user and visitor.name not in site.settings.users:
            raise LiveEnd(CloseReason.POLICY_VIOLATION)
        if not is_user and generation != site.accounts.generation:
            raise LiveEnd(CloseReason.POLICY_VIOLATION)
        return json.dumps(documents.state(site, visitor))
