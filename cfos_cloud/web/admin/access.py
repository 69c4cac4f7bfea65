"""What a site needs to connect: the server's address, a command, and a QR code."""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import dataclass

import segno
from twisted.web.iweb import IRequest

from cfos_cloud.web.answers import field, is_secure

#: Where the command looks for the Cloud password.
PASSWORD_FILE = "cloud-password"  # noqa: S105 - no password
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?P<port>:\d{1,5})?\Z")


@dataclass(frozen=True)
class QRCode:
    """``path`` is in units of one dark square; ``size`` counts the white rim, too."""

    path: str
    size: int


@dataclass(frozen=True)
class PublicAddress:
    """
    Where device ends find the server.

    :param domain: the server's name, if it has one of its own.
    :param port: of the browsers and device ends, where operators have another;
        ``None``: that of the operator's own request.
    """

    domain: str | None = None
    port: int | None = None

    def url(self, request: IRequest) -> str:
        """As seen by who sent ``request``."""
        host = (field(request, b"host") or b"").decode("latin-1")
        match = _HOST.match(host)
        name = self.domain or (match["name"] if match else "localhost")
        port = (match["port"] or "") if match else ""
        if self.port is not None:
            port = f":{self.port}"
        return f"{'https' if is_secure(request) else 'http'}://{name}{port}"


def device_command(server: str, cloud_id: str) -> str:
    """One line for a shell at the site."""
    return shlex.join(
        [
            *("twistd", "-n", "--pidfile=", "cfos-device", "--server", server),
            *("--cloud-id", cloud_id, "--password-file", PASSWORD_FILE),
            *("--target", "http://127.0.0.1:80"),
        ]
    )


def qr_code(server: str, cloud_id: str, password: str) -> QRCode:
    """Server, Cloud ID and Cloud password, a line each (ISO/IEC 18004, level M)."""
    code = segno.make(f"{server}\n{cloud_id}\n{password}", error="m", micro=False)
    border = 4
    size = int(code.symbol_size(border=border)[0])
    runs = io.StringIO()
    for y, row in enumerate(code.matrix_iter(border=border)):
        for x, dark in enumerate(row):
            if dark:
                runs.write(f"M{x} {y}h1v1h-1z")
    return QRCode(runs.getvalue(), size)
