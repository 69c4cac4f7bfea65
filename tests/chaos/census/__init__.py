"""How many objects, descriptors and timers a daemon has."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.end_to_end.processes import Process, wait_until

#: Of what every stream, connection and request is made; nothing of it may be left.
PARTS = (
    "twisted.internet.defer.Deferred",
    "twisted.protocols.tls.TLSMemoryBIOProtocol",
)
_ROOMS = ("relay", "tunnel", "http", "listener", "gateway", "device", "site_door")
#: What stays for good reason: people who are still logged in, and what they log in by,
#: systems, certificates.
_KEPT = (
    "cfos_cloud.gateway.sessions.",
    "cfos_cloud.gateway.access.",
    "cfos_cloud.device.admin_password.",
    "cfos_cloud.device.grants.",
    "cfos_cloud.site_door.recent_logins.",
    "cfos_cloud.tunnel.scram_verifier.",
    "cfos_cloud.listener.certificate",
)

Census = dict[str, int]


def launcher(file: Path) -> tuple[str, ...]:
    """What goes before a daemon's command line so that it can be counted."""
    here = Path(__file__).parent
    root = here.parents[2]
    return ("env", f"CENSUS={file}", f"PYTHONPATH={here}:{root}")


def take(process: Process, file: Path) -> Census:
    """Of a process that was started with :func:`launcher`."""
    file.unlink(missing_ok=True)
    process.signal(signal.SIGUSR2)
    wait_until(file.exists, f"{process.name} counts")
    counts: Census = json.loads(file.read_text())
    wanted = {name: count for name, count in counts.items() if _counts(name)}
    files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
    return {**wanted, "files": files}


def left(before: Census, after: Census) -> list[str]:
    """What there is more of."""
    return [
        f"{name}: {after[name]}, {before.get(name, 0)} at first"
        for name in sorted(after)
        if after[name] > before.get(name, 0)
    ]


def _counts(name: str) -> bool:
    if name in ("timers", *PARTS):
        return True
    ours = any(name.startswith(f"cfos_cloud.{room}.") for room in _ROOMS)
    return ours and not name.startswith(_KEPT)
