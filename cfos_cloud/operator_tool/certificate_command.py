"""``cfos-cloud cert`` and ``charging_manager cloud_cert``: what the server shows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cfos_cloud.operator_tool.certificate_text import lines_about
from cfos_cloud.operator_tool.errors import BadUsage, Refused, ToolError
from cfos_cloud.operator_tool.options import Session, Work, add_action
from cfos_cloud.operator_tool.pem_files import read_certificate, read_private_key
from cfos_cloud.operator_tool.server_address import ServerAddress

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``cert`` to the commands."""
    parser = add_action(
        subparsers,
        "cert",
        "show the server's certificate, or import another while it runs",
        prepare,
    )
    parser.usage = "cfos-cloud cert [options] [URL [CERT KEY]]"
    parser.add_argument("url", nargs="?", metavar="URL", help="as for --server")
    parser.add_argument(
        "certificate",
        nargs="?",
        type=Path,
        metavar="CERT",
        help="file with the certificate and its chain, in PEM",
    )
    parser.add_argument(
        "key",
        nargs="?",
        type=Path,
        metavar="KEY",
        help="file with its private key, in PEM, not encrypted; read by this command",
    )


def prepare(arguments: argparse.Namespace) -> Work:
    """
    :raises BadUsage: a file can't be read, or one of the two is missing.
    """
    if arguments.url is not None:
        arguments.server = arguments.url
    if arguments.certificate is None:
        return _show
    if arguments.key is None:
        raise BadUsage("a certificate needs its private key: cert URL CERT KEY")
    server = ServerAddress.parse(arguments.server)
    if server.scheme != "https":
        raise BadUsage(f"a private key goes over https only, not to {server}")
    return _import(
        arguments.certificate,
        arguments.key,
        read_certificate(arguments.certificate),
        read_private_key(arguments.key),
    )


async def remember_served(session: Session) -> None:
    """
    What is served has changed: know the server by the key that it shows to this tool
    from here on, rather than take it for another one.
    """
    server = session.client.server
    # Who connects to an address asks for no name (RFC 6066 §3).
    name = "" if server.is_address else server.host
    for certificate in await session.client.certificates(name):
        if name or certificate["default"]:
            session.remember_key(certificate["public_key"])


async def _show(session: Session) -> None:
    certificate = await session.client.certificate()
    session.output.document(certificate, *lines_about(certificate))


def _import(
    certificate_path: Path, key_path: Path, certificate: str, private_key: str
) -> Work:
    async def work(session: Session) -> None:
        paths = {"certificate": certificate_path, "private_key": key_path}
        try:
            served = await session.client.import_certificate(certificate, private_key)
        except Refused as error:
            path = paths.get(error.field or "")
            if path is None:
                raise
            raise ToolError(f"{path}: {error.detail}") from error
        await remember_served(session)
        session.output.document(
            served, "The certificate is in use.", *lines_about(served)
        )

    return work
