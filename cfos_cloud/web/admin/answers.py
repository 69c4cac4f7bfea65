"""Where the operator's page is, and how it is answered."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.web.iweb import IRequest

from cfos_cloud.languages import SUPPORTED, choose
from cfos_cloud.pages import HTML, LIVE_PAGE_FIELDS
from cfos_cloud.web.answers import answer, field


def answer_page(
    request: IRequest,
    status: int,
    body: bytes,
    fields: Iterable[tuple[bytes, bytes]] = (),
) -> bytes:
    """A page whose script may ask this server."""
    fields = [*LIVE_PAGE_FIELDS, (b"Content-Type", HTML), *fields]
    return answer(request, status, fields, body)


def admin_path(language: str) -> bytes:
    """The page in ``language``."""
    return b"/ui/%b/cloud-admin.htm" % language.encode("ascii")


def query_of(request: IRequest) -> str:
    """What follows ``?`` in the address, as it came."""
    query: bytes = request.uri.partition(b"?")[2]
    return query.decode("ascii", "replace")


def here(request: IRequest, language: str) -> bytes:
    """The address of ``request``, for a redirection."""
    query = query_of(request).encode("ascii", "replace")
    return admin_path(language) + (b"?" + query if query else b"")


def language_of(request: IRequest, language: str) -> str:
    """The address's, or the browser's wish where that is none of ours."""
    if language in SUPPORTED:
        return language
    return choose((field(request, b"accept-language") or b"").decode("latin-1"))
