"""
SniTun, the remote access of Home Assistant: TLS passed through by SNI, on a tunnel that
encrypts its own heads only, to what ends TLS behind the client.

``server PORT FILE`` or ``client PORT FILE TARGET``; the file has the key that signs the
client's token.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.load import Subject
from benchmarks.processes import Processes, free_ports, listens, python

NAME = "SniTun"
HOST = "device.snitun.localhost"
_PROGRAM = "from benchmarks.snitun_pair import main; main()"
_TOKEN_DAYS = 1
#: What both say when they are ready.
_READY = "ready"


def is_installed() -> bool:
    """``make bench`` installs it."""
    return find_spec("snitun") is not None


def start(processes: Processes, behind: int) -> Subject:
    """
    Server and client, with what ends TLS on the port ``behind``.

    :raises RunFailed: one of them does not start.
    """
    (port,) = free_ports(1)
    key = processes.directory / "snitun.secret"
    key.touch(mode=0o600)
    key.write_bytes(Fernet.generate_key())
    processes.start("snitun", *python(_PROGRAM, "server", str(port), key))
    processes.wait_for("snitun", lambda: listens(port))
    name = "snitun-client"
    processes.start(name, *python(_PROGRAM, "client", str(port), key, str(behind)))
    processes.wait_for(name, lambda: _READY in processes.log(name))
    return Subject(f"{NAME} {version('snitun')}", port, host=HOST)


async def serve(port: int, key: str) -> None:
    """One process and one port for everything, as in SniTun's own example."""
    from snitun.server.run import SniTunServerSingle

    server = SniTunServerSingle([key], host="127.0.0.1", port=port)
    await server.start()
    await asyncio.Event().wait()


async def connect(port: int, key: str, target: int) -> None:
    """The client, until the server ends it."""
    from snitun.client.client_peer import ClientPeer
    from snitun.client.connector import Connector
    from snitun.utils.aes import generate_aes_keyset
    from snitun.utils.server import generate_client_token

    aes = generate_aes_keyset()
    token = generate_client_token([key], timedelta(days=_TOKEN_DAYS), HOST, *aes)
    client = ClientPeer("127.0.0.1", port)
    await client.start(Connector("127.0.0.1", target), token, *aes)
    print(_READY, flush=True)
    await client.wait()


def main() -> None:
    part, port, path, *target = sys.argv[1:]
    key = Path(path).read_text()
    if part == "server":
        asyncio.run(serve(int(port), key))
    else:
        asyncio.run(connect(int(port), key, int(target[0])))
