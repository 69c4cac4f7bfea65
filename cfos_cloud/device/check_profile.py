"""The step of ``device-check`` that asks the device what its profile needs of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint

from cfos_cloud.device.check_steps import STEP_SECONDS, StepFailed
from cfos_cloud.device.credentials import Credentials, CredentialsError
from cfos_cloud.device.origin import Origin
from cfos_cloud.device.profile import DeviceTrouble, Profile, RealDevice, Unprotected
from cfos_cloud.device.profile_cfos import CfosDevice
from cfos_cloud.device.profile_tq import TqDevice
from cfos_cloud.device.target_client import TargetClient
from cfos_cloud.device.target_pool import TargetPool
from cfos_cloud.tunnel.reasons import printable

INFO_PATH = b"/cnf?cmd=get_dev_info"


async def check_profile(
    reactor: Any,
    target: Origin,
    profile: Profile,
    admin_file: Path | None,
    users_file: Path | None,
) -> str:
    """
    :raises StepFailed: the device is another one, has no password, or does not take
        the one in ``admin_file``.
    """
    credentials = Credentials(admin_file, users_file)
    try:
        credentials.load()
    except CredentialsError as error:
        raise StepFailed(str(error)) from error
    pool = TargetPool(
        HostnameEndpoint(reactor, target.host, target.port, timeout=STEP_SECONDS),
        reactor,
        max_connections=1,
    )
    client = TargetClient(pool, str(target).encode("ascii"), reactor)
    device: RealDevice
    if profile is Profile.CFOS:
        device = CfosDevice(client, lambda: None, lambda credential: None)
    else:
        device = TqDevice(client, reactor, lambda credential: None)
    try:
        found = [await _protection(device, credentials, admin_file)]
        if profile is Profile.CFOS:
            found.insert(0, await _description(client))
    except DeviceTrouble as error:
        raise StepFailed(str(error)) from error
    finally:
        pool.close()
    return ", ".join(found)


async def _protection(
    device: RealDevice, credentials: Credentials, file: Path | None
) -> str:
    admin = credentials.admin
    try:
        await device.check_protected()
    except Unprotected as error:
        if error.certain or not admin.is_set:
            raise StepFailed(f"{error}; until then every log-in is refused") from error
        return f"it asks this machine for no password, so the one in {file} decides"
    if admin.plain is None:
        return "it asks for its password"
    if await device.log_in(admin.plain) is None:
        raise StepFailed(
            f"it does not take the password in {file}, so access keys and users can't "
            "be served by it; write the device's own there"
        )
    return f"it takes the password in {file}"


async def _description(client: TargetClient) -> str:
    """What the device says of itself, which it tells to everybody."""
    answer = await client.ask(b"GET", INFO_PATH)
    try:
        document = json.loads(answer.body)
        params = document["params"]
        words = (params["title"], params["version"], params["vsn"]["serialno"])
        title, version, serial = (printable(str(word)) for word in words)
        count = len(document["devices"])
    except (ValueError, RecursionError, LookupError, TypeError):
        raise DeviceTrouble(
            f"the device answers {answer.status} to {INFO_PATH.decode()}, and nothing "
            "that is known: is it a cFos Charging Manager?"
        ) from None
    devices = f"{count} device{'' if count == 1 else 's'}"
    return f"{title}, version {version}, serial number {serial}, {devices}"
