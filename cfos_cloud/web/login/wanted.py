"""
What somebody wanted to see who was led to the log-in: a device, and a page of it.

It is in the address of the log-in page, ``?system=<label>&back=<path>``, and never
in a form: so the answer to a failure is the same for all who came by that address.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, quote

from twisted.web.iweb import IRequest

from cfos_cloud.gateway.bookmarks import check_path
from cfos_cloud.hosts import DeviceHost, parse_label

_MAX_FIELDS = 20


@dataclass(frozen=True)
class Wanted:
    """``path`` is one of the device, with its query."""

    device: DeviceHost
    path: bytes = b"/"

    @classmethod
    def of(cls, request: IRequest) -> Wanted | None:
        """``None``: nothing that could be."""
        query = request.uri.partition(b"?")[2]
        try:
            fields = parse_qs(
                query.decode("ascii"), errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError:
            return None
        device = parse_label(_only(fields, "system"))
        if device is None:
            return None
        back = _only(fields, "back")
        path = check_path(back.encode("ascii")) if back.isascii() else None
        return cls(device, path or b"/")

    @property
    def query(self) -> str:
        """The same again, for an address of the log-in page."""
        query = f"?system={self.device.label}"
        if self.path == b"/":
            return query
        return f"{query}&back={quote(self.path, safe='/')}"


def _only(fields: dict[str, list[str]], name: str) -> str:
    """The value of a field; empty where there is none, or several."""
    values = fields.get(name, [])
    return values[0] if len(values) == 1 else ""
