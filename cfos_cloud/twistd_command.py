"""How a process of ours starts a daemon of ours in this same environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cfos_cloud

_RUN = (
    "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
)


def twistd_command(*arguments: str) -> list[str]:
    """
    The command line of ``twistd`` with ``arguments``, by this interpreter: the script
    need not be on the PATH. Modules in the working directory are not imported.
    """
    return [sys.executable, "-P", "-c", _RUN, *arguments]


def child_environment() -> dict[str, str]:
    """
    The environment in which a child finds this package and twistd its plugins, from
    a checkout too.
    """
    root = str(Path(cfos_cloud.__file__).resolve().parent.parent)
    paths = [root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
    }
