"""What is answered to a request that comes to nothing, and what the log says of it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Protocol as Interface

from twisted.logger import Logger

from cfos_cloud.gateway.access import Access
from cfos_cloud.gateway.addresses import accepts_html, login_path
from cfos_cloud.gateway.bookmarks import NO_BOOKMARK, Bookmark
from cfos_cloud.gateway.client import Client
from cfos_cloud.gateway.error_pages import (
    ErrorKind,
    ErrorPages,
    GatewayError,
    Repeat,
    new_error_id,
)
from cfos_cloud.gateway.own_fields import own_fields
from cfos_cloud.http.message import BadMessage, RequestHead, value_of
from cfos_cloud.languages import choose
from cfos_cloud.listener.plain_answer import over_tls
from cfos_cloud.relay.channel import RequestChannel

_log = Logger()

#: What a program is taken to accept, which may send any ``Accept`` or none.
_JSON = b"application/json"


class SystemNote(Interface):
    """What an error page says of a system."""

    @property
    def name(self) -> str:
        """Given by the operator; may be empty."""

    @property
    def last_seen(self) -> datetime | None:
        """When its tunnel was up last."""

    @property
    def end_to_end(self) -> bool:
        """Whether its TLS ends at its device."""


class SystemDirectory(Interface):
    """Where the gateway looks up systems, in memory."""

    def get(self, cloud_id: str) -> SystemNote | None:
        """The system of a Cloud ID in any case."""


class ErrorAnswers:
    """Writes them on channels, whole."""

    def __init__(self, systems: SystemDirectory, pages: ErrorPages) -> None:
        self._systems = systems
        self._pages = pages

    def fail(
        self,
        channel: RequestChannel,
        head: RequestHead,
        kind: ErrorKind,
        why: str,
        client: Client,
        access: Access | None = None,
    ) -> None:
        """A small page of ours, or JSON; answer and log have its id."""
        name = since = language = None
        error_id = new_error_id()
        accept = value_of(head.fields, b"accept")
        if access is not None:
            language = access.language
            accept = accept if access.for_people else _JSON
            system = self._systems.get(access.cloud_id)
            if system is not None:
                name = system.name or access.cloud_id
                since = system.last_seen if kind is ErrorKind.OFFLINE else None
        cloud_id = None if access is None else access.cloud_id
        self._pages.log.note(kind.slug, error_id, client.address, cloud_id, why)
        repeat = Repeat.of(head.method, head.target)
        answer = self._pages.render(
            GatewayError(kind, error_id, name, since, repeat, language),
            accept,
            value_of(head.fields, b"accept-language"),
        )
        fields = b"".join(b"%b: %b\r\n" % pair for pair in answer.fields)
        _answer(channel, client, answer.status, fields, answer.body)

    def log_in_first(
        self,
        channel: RequestChannel,
        head: RequestHead,
        client: Client,
        elsewhere: bytes = b"",
        bookmark: Bookmark = NO_BOOKMARK,
    ) -> None:
        """
        Neither a session nor a key: to the log-in, or away.

        :param elsewhere: the origin of the log-in, where it is another one.
        """
        path = head.target.partition(b"?")[0]
        if path.startswith(b"/api/json/"):
            self.refuse_key(channel, client)
        elif is_for_a_page(head, path):
            wanted = value_of(head.fields, b"accept-language") or b""
            location = login_path(choose(wanted.decode("latin-1")))
            fields = [
                b"Location: %b%b%b\r\n" % (elsewhere, location, bookmark.query),
                b"Cache-Control: no-store\r\nVary: Accept-Language\r\n",
            ]
            if bookmark.cookie is not None:
                fields.append(b"Set-Cookie: %b\r\n" % bookmark.cookie)
            _answer(channel, client, 303, b"".join(fields))
        else:
            self.fail(channel, head, ErrorKind.UNAUTHORISED, "no session", client)

    def refuse_key(self, channel: RequestChannel, client: Client) -> None:
        """
        A key that is none, or not good for this, or is missing: the same to the byte,
        and never a page, since programs read it.
        """
        _answer(channel, client, 401, b"Cache-Control: no-store\r\n")

    def refuse_worker(
        self, channel: RequestChannel, client: Client, access: Access
    ) -> None:
        """
        The script of a service worker, which would outlive the session, and see what
        the next system's pages ask for on the same origin. Nobody waits for a page.
        """
        _log.info(
            "service worker of {system} refused to {client}",
            system=access.cloud_id,
            client=client.address,
        )
        _answer(channel, client, 403, b"Cache-Control: no-store\r\n")

    def end_to_end(
        self, channel: RequestChannel, head: RequestHead, client: Client
    ) -> None:
        """
        A host whose TLS ends at its device, but this came without TLS, or by another
        name: never a page, nor the way to a log-in of ours, which is not for what
        people would type there. To its TLS, or to nowhere (RFC 9110 §15.5.20).
        """
        location = None
        if not client.secure and head.method in (b"GET", b"HEAD"):
            location = over_tls(head.target, [head.host])
        fields = b"Cache-Control: no-store\r\n"
        if location is None:
            _answer(channel, client, 421, fields)
        else:
            fields = b"Location: %b\r\n%b" % (location, fields)
            _answer(channel, client, 308, fields)

    def bad_request(
        self, channel: RequestChannel, why: BadMessage, client: Client
    ) -> None:
        """What is no request; the channel closes after it."""
        _log.debug(
            "bad request from {client}: {why}", client=client.address, why=why.reason
        )
        _answer(channel, None, why.status, b"Cache-Control: no-store\r\n")


def is_for_a_page(head: RequestHead, path: bytes) -> bool:
    """Whether somebody waits for a page, who could log in on another."""
    if head.method not in (b"GET", b"HEAD"):
        return False
    if path == b"/":
        return True
    # A page's own fetch accepts anything, but has no use for a log-in form.
    destination = value_of(head.fields, b"sec-fetch-dest")
    return destination in (None, b"document", b"iframe", b"frame") and accepts_html(
        value_of(head.fields, b"accept")
    )


def _answer(
    channel: RequestChannel,
    client: Client | None,
    status: int,
    fields: bytes,
    body: bytes = b"",
) -> None:
    reason = HTTPStatus(status).phrase.encode("ascii")
    channel.respond(status, reason, own_fields(channel, client, fields), len(body))
    channel.send(body)
    channel.finish()
