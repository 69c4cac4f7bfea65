"""Writing an answer of ours to a twisted.web request."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import MethodNotAllowed

from cfos_cloud.gateway.addresses import without_secrets
from cfos_cloud.gateway.error_pages import (
    ErrorKind,
    ErrorPages,
    GatewayError,
    new_error_id,
)
from cfos_cloud.hosts import DeviceHost


def client_address(request: IRequest) -> str:
    """Where the request comes from, as the gateway says, or the connection's peer."""
    address = getattr(request, "client_address", None)
    if address is None:
        peer = request.getClientAddress()
        address = getattr(peer, "host", None)
    return str(address or "")


def is_near(request: IRequest) -> bool:
    """Whether nothing that is sent to the client leaves this machine."""
    try:
        return ipaddress.ip_address(client_address(request)).is_loopback
    except ValueError:
        return False


def is_secure(request: IRequest) -> bool:
    """Whether the browser uses TLS, which a proxy may have ended."""
    secure = getattr(request, "secure", None)
    if secure is None:
        secure = request.isSecure()
    return bool(secure)


def device_of(request: IRequest) -> DeviceHost | None:
    """
    Whose host the request came to, as the gateway says; ``None``: the cloud's own, or
    there is one for all.
    """
    device = getattr(request, "device", None)
    return device if isinstance(device, DeviceHost) else None


def field(request: IRequest, name: bytes) -> bytes | None:
    """The value of a field; one that came several times is joined by commas."""
    values = request.requestHeaders.getRawHeaders(name)
    return None if values is None else b", ".join(values)


def cookies(request: IRequest) -> bytes:
    """All that the request has for ``Cookie``, as one value."""
    return b"; ".join(request.requestHeaders.getRawHeaders(b"cookie", []))


def is_seen(request: IRequest) -> bool:
    """
    Whether the answer is for a person now: not for HEAD, nor in case they come,
    which browsers say in one of three ways
    (https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header).
    """
    hints = (b"sec-purpose", b"purpose", b"x-moz")
    return request.method != b"HEAD" and not any(
        (field(request, name) or b"").lower().startswith(b"prefetch") for name in hints
    )


def is_document(request: IRequest) -> bool:
    """
    Whether it is for a window, as far as the browser says, and not for a script, or a
    part of another page (https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header).
    """
    return field(request, b"sec-fetch-dest") in (None, b"document")


def answer(
    request: IRequest,
    status: int,
    fields: Iterable[tuple[bytes, bytes]],
    body: bytes = b"",
) -> bytes:
    """Set status and fields, say nothing of who made it, and return ``body``."""
    request.setResponseCode(status)
    headers = request.responseHeaders
    headers.removeHeader(b"server")
    headers.removeHeader(b"content-type")
    for name, value in fields:
        headers.addRawHeader(name, value)
    headers.setRawHeaders(b"content-length", [b"%d" % len(body)])
    return body


def redirect(
    request: IRequest, location: bytes, fields: Iterable[tuple[bytes, bytes]] = ()
) -> bytes:
    """303 to a path of this server; what follows is a GET."""
    return answer(
        request,
        303,
        [
            (b"Location", location),
            (b"Cache-Control", b"no-store"),
            (b"Referrer-Policy", b"same-origin"),
            *fields,
        ],
    )


def answer_error(
    request: IRequest,
    errors: ErrorPages,
    kind: ErrorKind,
    fields: Iterable[tuple[bytes, bytes]] = (),
) -> bytes:
    """An error of ours, as page or JSON; the log has its id."""
    error_id = new_error_id()
    what = b"%b %b" % (request.method, without_secrets(request.uri))
    errors.log.note(
        kind.slug,
        error_id,
        client_address(request),
        getattr(request, "cloud_id", None),
        what.decode("latin-1"),
    )
    rendered = errors.render(
        GatewayError(kind, error_id),
        field(request, b"accept"),
        field(request, b"accept-language"),
    )
    return answer(request, rendered.status, (*rendered.fields, *fields), rendered.body)


def answer_routing_error(
    request: IRequest, errors: ErrorPages, failure: Failure
) -> bytes:
    """For what Klein's router raises: no such page, or not by this method."""
    problem = failure.value
    if isinstance(problem, MethodNotAllowed):
        allowed = ", ".join(sorted(problem.valid_methods or ())).encode()
        kind = ErrorKind.METHOD_NOT_ALLOWED
        return answer_error(request, errors, kind, [(b"Allow", allowed)])
    return answer_error(request, errors, ErrorKind.NOT_FOUND)
