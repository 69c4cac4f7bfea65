"""
May a request that carries our session cookie come from where it comes from?

Devices change their state by GET with a query, so methods alone protect nobody. The
browser's own word (``Sec-Fetch-*``, Fetch Metadata) decides where there is one,
else ``Origin`` (RFC 6454). Programs that send neither pass: nobody lends them a
cookie.
"""

from __future__ import annotations

from enum import Enum

from cfos_cloud.gateway.addresses import is_login
from cfos_cloud.http.message import RequestHead


class Refusal(Enum):
    """Why a request is refused, for the log."""

    #: ``Sec-Fetch-Site`` names another site, and it is no plain link.
    CROSS_SITE = "cross-site request"
    #: ``Origin`` is another one.
    FOREIGN_ORIGIN = "foreign origin"
    #: A script that would outlive the session, and see what the next system's pages
    #: ask for on the same origin. (On a host of its own a device may have one, if it is
    #: the only one of its site: it could take the code of a session on its way, and
    #: who has that can open the others.)
    SERVICE_WORKER = "service worker"


#: Fields by which a browser says whose wish a request is.
_SAY_WHO_ASKS = frozenset(
    {
        b"origin",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"service-worker",
    }
)


def refusal_of(
    head: RequestHead, scheme: bytes, *, takes_workers: bool = False
) -> Refusal | None:
    """
    ``None`` if a request with our session cookie passes.

    :param scheme: ``http`` or ``https``, as the browser sees it.
    :param takes_workers: whether the device may have service workers: where it has this
        host to itself, and the session leads to nothing else.
    """
    site = mode = destination = origin = None
    for lower, _, value in head.fields:
        if lower not in _SAY_WHO_ASKS:
            continue
        if lower == b"sec-fetch-site":
            site = value
        elif lower == b"sec-fetch-mode":
            mode = value
        elif lower == b"sec-fetch-dest":
            destination = value
        elif lower == b"origin":
            origin = value
        elif not takes_workers:
            return Refusal.SERVICE_WORKER
    if site is None and origin is None:
        return None
    return refusal(
        method=head.method,
        target=head.target,
        is_upgrade=head.upgrade is not None,
        sec_fetch_site=site,
        sec_fetch_mode=mode,
        sec_fetch_dest=destination,
        origin=origin,
        scheme=scheme,
        host=head.host,
    )


def own_origin(scheme: bytes, host: bytes) -> bytes:
    """The origin of ``scheme`` and ``Host``, as a browser would write it."""
    scheme, host = scheme.lower(), host.lower()
    default = b":443" if scheme == b"https" else b":80"
    return scheme + b"://" + host.removesuffix(default)


def refusal(
    *,
    method: bytes,
    target: bytes,
    is_upgrade: bool,
    sec_fetch_site: bytes | None,
    sec_fetch_mode: bytes | None,
    sec_fetch_dest: bytes | None,
    origin: bytes | None,
    scheme: bytes,
    host: bytes,
) -> Refusal | None:
    """
    ``None`` if the request passes.

    :param target: the request target. What matters is whether it has a query; that of
        the log-in page does no more than say where somebody wants to go.
    :param scheme: ``http`` or ``https``, as the browser sees it.
    :param host: the ``Host`` field.
    """
    if sec_fetch_site is not None:
        if sec_fetch_site in (b"same-origin", b"none"):
            return None
        is_plain_link = (
            method == b"GET"
            and not is_upgrade
            and sec_fetch_mode == b"navigate"
            and sec_fetch_dest == b"document"
            and (b"?" not in target or is_login(target))
        )
        return None if is_plain_link else Refusal.CROSS_SITE
    if origin is None:
        return None
    if origin == b"null":
        # A page under "no-referrer" hides its origin, and plain HTTP off localhost
        # has no Sec-Fetch-Site that could tell it from a stranger's.
        if scheme == b"http" and not is_upgrade:
            return None
    elif origin.lower() == own_origin(scheme, host):
        return None
    return Refusal.FOREIGN_ORIGIN
