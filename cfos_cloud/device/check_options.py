"""The command line of ``cfos-cloud device-check``: that of the device end itself."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from twisted.python import usage

from cfos_cloud.device.options import Options

#: What the device end has beside its parameters; of no use here, and taken.
_UNUSED = {"loglevel": "1..4", "log-format": "FORMAT"}


class CheckOptions(Options):
    """As those of the device end; a :class:`usage.UsageError` is the caller's."""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        usage.Options.parseOptions(self, options)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every option of the device end, so that its command line can be used again."""
    for name, short, default, text in Options.optParameters:
        names = [f"--{name}"] if short is None else [f"-{short}", f"--{name}"]
        suffix = "" if default is None else f" [default: {default}]"
        parser.add_argument(*names, metavar="VALUE", help=f"{text}{suffix}")
    for flag, _, text in Options.optFlags:
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    parser.add_argument(
        "--also",
        metavar="NAME=URL",
        action="append",
        default=[],
        help="a further device of the site; up to 16 times",
    )
    for name, values in _UNUSED.items():
        parser.add_argument(f"--{name}", metavar=values, help="not used")


def options_of(arguments: argparse.Namespace) -> CheckOptions:
    """
    What was given, checked.

    :raises usage.UsageError: as the device end would refuse it; one line.
    """
    options = CheckOptions()
    names = [*(str(parameter[0]) for parameter in Options.optParameters), *_UNUSED]
    given = {name: getattr(arguments, name.replace("-", "_")) for name in names}
    flags = [str(flag[0]) for flag in Options.optFlags]
    set_ = [name for name in flags if getattr(arguments, name.replace("-", "_"))]
    options.parseOptions(
        [
            *(
                f"--{name}={value}"
                for name, value in given.items()
                if value is not None
            ),
            *(f"--also={value}" for value in arguments.also),
            *(f"--{name}" for name in set_),
        ]
    )
    return options
