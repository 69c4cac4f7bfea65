"""What a site needs to connect: a command, and a QR code."""

from __future__ import annotations

import io
import shlex
from dataclasses import dataclass

import segno

#: Where the command looks for the Cloud password.
PASSWORD_FILE = "cloud-password"  # noqa: S105 - no password


@dataclass(frozen=True)
class QRCode:
    """``path`` is in units of one dark square; ``size`` counts the white rim, too."""

    path: str
    size: int


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
