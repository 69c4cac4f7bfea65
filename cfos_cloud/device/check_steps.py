"""Steps of ``device-check`` at the site; each says in a line what it found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from cfos_cloud.device.authentication import AGENT
from cfos_cloud.device.credentials import Credentials, CredentialsError
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.target_header import TargetHeader, TargetHeaderError
from cfos_cloud.tunnel.reasons import printable, reason_of

#: Seconds that one step may take; the handshake with a proof has 30 of its own.
STEP_SECONDS = 15.0


class StepFailed(Exception):
    """A step did not work; one line says why, and what to do."""


async def check_log_in(
    admin_file: Path | None, users_file: Path | None, also: frozenset[str]
) -> str:
    """
    :param also: names of the further devices of the site.
    :raises StepFailed: the files can't be used, or nobody can log in by them, or they
        name a device that is none.
    """
    credentials = Credentials(admin_file, users_file)
    try:
        credentials.load()
    except CredentialsError as error:
        raise StepFailed(str(error)) from error
    if not credentials.admin.is_set:
        place = "" if admin_file is None else f" in {admin_file}"
        raise StepFailed(
            f"there is no admin password{place}: every log-in is refused, users' too"
        )
    for name, devices in credentials.users.devices.items():
        unknown = sorted(devices - also)
        if unknown:
            raise StepFailed(
                f"user {name} may see {', '.join(unknown)}, which no --also names"
            )
    count = len(credentials.users.hashes)
    return f"there is an admin password, and {count} user{'' if count == 1 else 's'}"


async def check_target(reactor: Any, target: Origin, option: str = "--target") -> str:
    """
    :raises StepFailed: nothing that speaks HTTP is there.
    """
    code, phrase = await _ask(reactor, target, Headers(), option)
    return f"{target} answers {code} {phrase}".rstrip()


async def check_credential(reactor: Any, target: Origin, file: Path) -> str:
    """
    :raises StepFailed: the file can't be used, or the target does not take what is in
        it.
    """
    try:
        header = TargetHeader.load(file)
    except TargetHeaderError as error:
        raise StepFailed(str(error)) from error
    fields = Headers()
    for _, line in header.lines:
        name, _, value = line.rstrip().partition(b": ")
        fields.setRawHeaders(name, [value])
    code, phrase = await _ask(reactor, target, fields)
    answer = f"{target} answers {code} {phrase}".rstrip()
    if code in (401, 403):
        raise StepFailed(
            f"{answer} to a request with it; compare {file} with what the device "
            "expects"
        )
    return f"{answer} to a request with it"


async def _ask(
    reactor: Any, target: Origin, fields: Headers, option: str = "--target"
) -> tuple[int, str]:
    """Status and phrase for ``GET /`` with ``fields``; ``option`` has the address."""
    if not fields.hasHeader("user-agent"):
        fields.setRawHeaders("User-Agent", [AGENT])
    agent: IAgent = Agent(reactor, connectTimeout=STEP_SECONDS)
    asking = agent.request(b"GET", f"{target}/".encode("ascii"), fields)
    try:
        response = await asking.addTimeout(STEP_SECONDS, reactor)
    except Exception as error:
        raise StepFailed(
            f"{target}: {reason_of(error)}; check {option}, and that the device's web "
            "UI runs"
        ) from error
    visit = Visit()
    response.deliverBody(visit)
    await visit.left
    return response.code, printable(response.phrase.decode("latin-1"))


class Visit(Protocol):
    """Knocks and leaves."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.left: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.left.callback(None)
