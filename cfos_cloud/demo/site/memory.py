"""What the site remembers across restarts: counters, sessions, history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from twisted.logger import Logger

from cfos_cloud.secret_files import write_secret

FILE_NAME = "memory.json"
#: A thousand sessions and a day of history take about 300 KB.
MAX_BYTES = 4 * 1024 * 1024

_log = Logger()


def load_memory(directory: Path) -> Mapping[str, object] | None:
    """
    What was remembered, ``None`` where there is nothing of use: nobody's settings are
    lost by that, so it is only said in the log.
    """
    path = directory / FILE_NAME
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _log.warn("{path} can't be used: {why}", path=str(path), why=str(error))
        return None
    return data if isinstance(data, dict) else None


def save_memory(directory: Path, data: Mapping[str, object]) -> None:
    """
    :raises OSError: it can't be written; what was there stays.
    """
    text = json.dumps(data, separators=(",", ":"))
    write_secret(directory / FILE_NAME, text)
