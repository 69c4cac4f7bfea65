"""
``cfos-cloud device-fingerprint``: what to compare in a browser, where TLS of people
ends at the device end.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cfos_cloud.daemon_options import state_directory
from cfos_cloud.listener.certificate_pem import BadCertificate, read_chain
from cfos_cloud.listener.fingerprints import Fingerprints
from cfos_cloud.secret_files import SecretFileError, read_secret

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

#: Where a state directory has the certificate that the device end has made.
OWN_CERTIFICATE = Path("tls", "certificate.pem")


class NoFingerprint(Exception):
    """There is no certificate, or none that can be read; one line."""


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``device-fingerprint`` to the commands."""
    parser = subparsers.add_parser(
        "device-fingerprint",
        help="print what to compare in the browser (cfos-device --end-to-end)",
    )
    parser.add_argument(
        "--state-dir", metavar="DIR", help="the state directory of the device end"
    )
    parser.add_argument(
        "--tls-certificate",
        metavar="FILE",
        help="your own certificate, where the device end has one",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the fingerprints; the exit status."""
    given = arguments.tls_certificate
    try:
        found = read_fingerprints(
            state_directory(arguments.state_dir), Path(given) if given else None
        )
    except NoFingerprint as error:
        print(f"cfos-cloud device-fingerprint: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(asdict(found)))
    else:
        print(f"SHA-256 of the public key:   {found.key}")
        print(f"SHA-256 of the certificate:  {found.certificate}")
    return 0


def read_fingerprints(directory: Path, certificate: Path | None) -> Fingerprints:
    """
    Those of ``certificate``, else of the one that the device end has made in its state
    ``directory``.

    :raises NoFingerprint: it is not there, or can't be read.
    """
    path = certificate or directory / OWN_CERTIFICATE
    if certificate is None and not path.exists():
        raise NoFingerprint(
            f"there is no {path}; a device end makes it when it is started with "
            "--end-to-end"
        )
    try:
        return Fingerprints.of(read_chain(read_secret(path).encode())[0])
    except SecretFileError as error:
        raise NoFingerprint(str(error)) from error
    except BadCertificate as error:
        raise NoFingerprint(f"{path}: {error}") from error
