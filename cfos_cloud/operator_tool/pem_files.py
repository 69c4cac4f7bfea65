"""Certificate and key as files of whoever runs the tool."""

from __future__ import annotations

from pathlib import Path

from cfos_cloud.operator_tool.errors import BadUsage

#: The server takes no more than this for both together.
MAX_BYTES = 64 * 1024
#: How DER begins, which is the other form that certificates and keys come in: a
#: sequence whose length takes one or two bytes (X.690 §8.1.3.5).
_DER = (b"\x30\x81", b"\x30\x82")


def read_certificate(path: Path) -> str:
    """
    The text of a file that should be a certificate, or a chain of them.

    :raises BadUsage: it can't be read, is too large, or no text.
    """
    return _read(path, "x509")


def read_private_key(path: Path) -> str:
    """
    The text of a file that should be a private key.

    :raises BadUsage: it can't be read, is too large, or no text.
    """
    return _read(path, "pkey")


def _read(path: Path, tool: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except PermissionError as error:
        raise BadUsage(
            f"you may not read {path}: run this command with sudo. "
            "It reads the file itself; the server needs no such right"
        ) from error
    except OSError as error:
        raise BadUsage(f"can't read {path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise BadUsage(f"{path} is larger than {MAX_BYTES // 1024} KiB")
    if not data.strip():
        raise BadUsage(f"{path} is empty")
    if data.startswith(_DER):
        raise BadUsage(
            f"{path} is DER, and PEM is needed: "
            f"openssl {tool} -inform der -in {path} -out {path.stem}.pem"
        )
    if b"-----BEGIN " not in data:
        raise BadUsage(f"{path} is not PEM: it has no line -----BEGIN …-----")
    # Names around the blocks may be in any encoding; nobody reads them.
    return data.decode("utf-8", "replace")
