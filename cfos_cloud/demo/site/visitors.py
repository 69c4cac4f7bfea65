"""Who a request is from, and what they may do here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

#: Field names in lower case, values that came several times joined by commas.
Fields = Mapping[bytes, bytes]


class Role(Enum):
    """
    ``API`` is an access key: it reads all measurements, and nothing else. ``NOBODY``
    has not said who they are, where that is not asked.
    """

    ADMIN = "admin"
    USER = "user"
    API = "api"
    NOBODY = ""


@dataclass(frozen=True)
class Visitor:
    """
    :param cloud_login: where the cloud's log-in page is; empty on the local network.
    """

    role: Role
    name: str
    cloud_login: str = ""

    @property
    def cloud_keys(self) -> str:
        """
        Where the cloud's page of access keys is, for its admin: on the origin where
        this page is seen, in the language of the log-in page.
        """
        match = _LOG_IN_PAGE.search(self.cloud_login)
        if match is None or self.role is not Role.ADMIN:
            return ""
        return f"{match[1]}cloud-keys.htm"


NOBODY = Visitor(Role.NOBODY, "")

_LOG_IN_URL = re.compile(r"https?://[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]{1,500}\Z")


_LOG_IN_PAGE = re.compile(r"(/ui/[a-z]{2}/)cloud-login\.htm\Z")


class AccessRefused(Exception):
    """No visitor: the status, the error's code, and fields of the answer."""

    def __init__(
        self, status: int, code: str, *fields: tuple[bytes, bytes], text: str = ""
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.fields = fields
        #: For people, where they see it.
        self.text = text


def not_the_device_end() -> AccessRefused:
    """It asks for what only the site's device end may ask."""
    return AccessRefused(
        403, "forbidden", text="This address is for the site's device end only.\n"
    )


def visitor_of_cloud(fields: Fields) -> Visitor:
    """
    The visitor that the device end vouches for.

    :raises AccessRefused: it is not the device end who asks: no browser can be made
        to send these fields to another site.
    """
    role = fields.get(b"cfos-role", b"").decode("ascii", "replace")
    name = unquote(fields.get(b"cfos-user", b"").decode("ascii", "replace"))
    url = fields.get(b"cfos-cloud", b"").decode("ascii", "replace")
    if role not in ("admin", "user", "api") or not name or not url:
        raise not_the_device_end()
    return Visitor(Role(role), name, url if _LOG_IN_URL.match(url) else "")


def from_own_pages(fields: Fields) -> bool:
    """
    Whether a form's request may come from our own pages: another site's is told by
    its ``Origin`` or by ``Sec-Fetch-Site``.
    """
    origin = fields.get(b"origin")
    if origin is not None:
        return origin == b"http://" + fields.get(b"host", b"")
    return fields.get(b"sec-fetch-site", b"none") in (b"same-origin", b"none")
