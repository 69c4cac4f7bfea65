"""
``cfos-cloud device-check``: each step on the way from browser to target, one by one.

The handshake is a real one, with a proof. It ends right after the server's ``101``,
before ``hello``: a device end that runs meanwhile keeps its tunnel, since the server
replaces a session at ``hello``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.python.usage import UsageError

from cfos_cloud import cloud_password
from cfos_cloud.daemon_options import state_directory
from cfos_cloud.device.check_options import CheckOptions, add_arguments, options_of
from cfos_cloud.device.check_profile import check_profile
from cfos_cloud.device.check_server import (
    Route,
    check_dns,
    check_password,
    check_tcp,
    check_tls,
)
from cfos_cloud.device.check_steps import (
    StepFailed,
    check_credential,
    check_log_in,
    check_target,
)
from cfos_cloud.device.fingerprint_tool import NoFingerprint, read_fingerprints
from cfos_cloud.device.pins import PinFile
from cfos_cloud.device.profile import Profile
from cfos_cloud.device.trust import ServerTrust
from cfos_cloud.secret_files import SecretFileError, read_secret

if TYPE_CHECKING:
    from cfos_cloud.device.tls_client import TrustRoot

    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

USAGE_STATUS = 2


@dataclass(frozen=True)
class Finding:
    """The outcome of one step."""

    check: str
    ok: bool
    detail: str

    def __str__(self) -> str:
        if self.ok:
            return f"{self.check}: ok, {self.detail}"
        return f"{self.check}: FAILED: {self.detail}"


class _NothingKept(PinFile):
    """Looks at the device end's pins and leaves them alone."""

    def put(self, server: str, pin: str) -> None:
        """A check changes nothing."""


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``device-check`` to the commands."""
    parser = subparsers.add_parser(
        "device-check", help="try everything that a device end needs, step by step"
    )
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


async def run(
    reactor: Any, arguments: argparse.Namespace, trust_root: TrustRoot | None = None
) -> int:
    """
    Do all checks and print a line for each; the exit status: 0 if all went well, 1 if
    not, 2 for arguments that make no sense.
    """
    try:
        options = options_of(arguments)
    except UsageError as error:
        line = " ".join(str(error).split())
        print(f"cfos-cloud device-check: {line}", file=sys.stderr)
        return USAGE_STATUS
    findings = await _check(reactor, options, trust_root)
    ok = all(finding.ok for finding in findings)
    if arguments.json:
        checks = [asdict(finding) for finding in findings]
        print(json.dumps({"ok": ok, "checks": checks}))
    else:
        for finding in findings:
            print(finding)
    return 0 if ok else 1


async def _check(
    reactor: Any, options: CheckOptions, trust_root: TrustRoot | None
) -> list[Finding]:
    server = options.server
    try:
        password = read_secret(options["password-file"])
        unreadable = None
    except SecretFileError as error:
        password, unreadable = "", str(error)
    try:
        route = Route(server, options.read_proxy(), options.transport)
    except SecretFileError as error:
        return [Finding("proxy", False, str(error))]
    directory: Path = state_directory(options["state-dir"])
    trust = ServerTrust(
        server,
        options.verify,
        cloud_password.is_generated(password),
        _NothingKept(directory),
    )
    steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
        ("dns", partial(check_dns, reactor, route)),
        ("tcp", partial(check_tcp, reactor, route)),
        ("tls", partial(check_tls, reactor, route, trust, trust_root)),
    ]
    findings = []
    for name, step in steps:
        findings.append(await _finding(name, step))
        if not findings[-1].ok:
            break
    else:
        if unreadable is not None:
            findings.append(Finding("password", False, unreadable))
        else:
            step = partial(
                check_password,
                reactor,
                route,
                options["cloud-id"],
                password,
                trust,
                trust_root,
            )
            findings.append(await _finding("password", step))
    admin_file, users_file = (
        options.path("admin-password-file"),
        options.path("users-file"),
    )
    generic = options.profile is Profile.GENERIC
    if generic and (admin_file is not None or users_file is not None):
        also = frozenset(device.name for device in options.also)
        step = partial(check_log_in, admin_file, users_file, also)
        findings.append(await _finding("log-in", step))
    step = partial(check_target, reactor, options.target)
    findings.append(await _finding("target", step))
    reachable = findings[-1].ok
    if not generic and reachable:
        step = partial(
            check_profile,
            reactor,
            options.target,
            options.profile,
            admin_file,
            users_file,
        )
        findings.append(await _finding(f"profile {options.profile.value}", step))
    header_file = options.path("target-header-file")
    if header_file is not None and reachable:
        step = partial(check_credential, reactor, options.target, header_file)
        findings.append(await _finding("credential", step))
    for device in options.also:
        step = partial(check_target, reactor, device.origin, f"--also {device.name}=")
        findings.append(await _finding(f"target {device.name}", step))
    if options.end_to_end is not None:
        own = options.end_to_end.certificate_file
        step = partial(_check_certificate, directory, own)
        findings.append(await _finding("end to end", step))
    return findings


async def _check_certificate(directory: Path, certificate: Path | None) -> str:
    try:
        found = read_fingerprints(directory, certificate)
    except NoFingerprint as error:
        raise StepFailed(str(error)) from error
    return (
        "to compare in the browser: SHA-256 of the public key "
        f"{found.key}, of the certificate {found.certificate}"
    )


async def _finding(name: str, step: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(name, True, await step())
    except StepFailed as failed:
        return Finding(name, False, str(failed))
