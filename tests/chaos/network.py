"""A network namespace with a cable to this one: for lines that break without a word."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import count
from unittest import SkipTest

_numbers = count(1)


class Network:
    """
    The far end of a cable.

    :ivar here: our address on it; nothing else is reached from there.
    :ivar launcher: what goes before the command line of a program that is there.
    :raises SkipTest: that takes root, and a kernel that has them.
    """

    def __init__(self) -> None:
        if os.geteuid() != 0 or shutil.which("ip", path=_PATH) is None:
            raise SkipTest("network namespaces take root and iproute2")
        number = next(_numbers)
        part = os.getpid() % 16000
        self.name = f"cfos-{os.getpid()}-{number}"
        self._near, self._far = f"cf{part}a{number}", f"cf{part}b{number}"
        # A range for tests between networks (RFC 2544), four addresses each.
        base = (part * 4) % 65536 + 4 * number
        self.here = _address(base + 1)
        self.launcher = ("ip", "netns", "exec", self.name)
        try:
            _ip("netns", "add", self.name)
        except subprocess.CalledProcessError as error:
            raise SkipTest("there are no network namespaces here") from error
        try:
            _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far)
            _ip("link", "set", self._far, "netns", self.name)
            _ip("addr", "add", f"{self.here}/30", "dev", self._near)
            _ip("link", "set", self._near, "up")
            self._inside("addr", "add", f"{_address(base + 2)}/30", "dev", self._far)
            self._inside("link", "set", self._far, "up")
            self._inside("link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            self.close()
            raise SkipTest("there are no virtual cables here") from error

    def cut(self) -> None:
        """Nothing passes any more. Here nobody is told."""
        self._inside("link", "set", self._far, "down")

    def mend(self) -> None:
        """As before."""
        self._inside("link", "set", self._far, "up")

    def close(self) -> None:
        subprocess.run(
            ["ip", "netns", "del", self.name], env={"PATH": _PATH}, capture_output=True
        )

    def _inside(self, *arguments: str) -> None:
        _ip("-n", self.name, *arguments)


_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


def _ip(*arguments: str) -> None:
    subprocess.run(
        ["ip", *arguments], env={"PATH": _PATH}, check=True, capture_output=True
    )


def _address(number: int) -> str:
    return f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"
