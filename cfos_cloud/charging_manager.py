"""The vendor's command lines, ``charging_manager run …`` and ``… cloud_cert …``."""

from __future__ import annotations

from collections.abc import Sequence

RUN = "charging_manager run PORT -cloud_server [-allow_http] [-loglevel 1..4]"
CLOUD_CERT = "charging_manager cloud_cert URL CERT KEY"
USAGE = f"""\
usage: {RUN}
         starts the cloud server, as twistd -n cfos-cloud does
       {CLOUD_CERT}
         imports a certificate into the running server, as cfos-cloud cert does;
         takes the options of that, too
"""

_COMMANDS = f"{RUN}, or {CLOUD_CERT}"


class BadCommandLine(ValueError):
    """It says nothing that can be run; the message is one clear line."""


def wants_help(arguments: Sequence[str]) -> bool:
    """Does somebody ask what there is?"""
    return arguments[:1] in (["help"], ["-h"], ["-help"], ["--help"])


def is_cloud_cert(arguments: Sequence[str]) -> bool:
    """Is it the command that imports a certificate?"""
    return arguments[:1] == ["cloud_cert"]


def server_arguments(arguments: Sequence[str]) -> list[str]:
    """
    The options of our own server for the vendor's command line (without its name),
    whose words after the port come in any order.

    :raises BadCommandLine: it is none.
    """
    if not arguments:
        raise BadCommandLine(f"use it as: {_COMMANDS}")
    if arguments[0] != "run":
        raise BadCommandLine(
            f"unknown command {arguments[0]!r}; use it as: {_COMMANDS}"
        )
    if len(arguments) < 2:
        raise BadCommandLine(f"the port is missing; use it as: {RUN}")
    options = ["--port", _number(arguments[1], "a port", 65535)]
    words = iter(arguments[2:])
    is_cloud_server = False
    for word in words:
        match word.removeprefix("-"):
            case "cloud_server" if word != "cloud_server":
                is_cloud_server = True
            case "allow_http" if word != "allow_http":
                options.append("--allow-http")
            case "loglevel":
                options += ["--loglevel", _number(next(words, ""), "a log level", 4)]
            case _:
                raise BadCommandLine(f"unknown option {word!r}; use it as: {RUN}")
    if not is_cloud_server:
        raise BadCommandLine("only the cloud server is here: add -cloud_server")
    return options


def certificate_arguments(arguments: Sequence[str]) -> list[str]:
    """
    The words of ``cfos-cloud`` for ``cloud_cert URL CERT KEY``. Options are those of
    ``cfos-cloud cert``, with one dash or two, and with ``_`` or ``-`` between words.

    :raises BadCommandLine: there are not these three.
    """
    words: list[str] = []
    options: list[str] = []
    rest = iter(arguments[1:])
    for word in rest:
        if not word.startswith("-"):
            words.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        option = "--" + name.replace("_", "-")
        options.append(option + equals + value)
        if option in _WITH_A_VALUE and not equals:
            options += [next(rest, "")]
    if len(words) != 3:
        raise BadCommandLine(f"use it as: {CLOUD_CERT}")
    return ["cert", *options, *words]


_WITH_A_VALUE = ("--admin-password-file", "--cafile")


def _number(text: str, what: str, highest: int) -> str:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= highest:
        return str(int(text[:9]))
    raise BadCommandLine(f"{what} is a number from 1 to {highest}, not {text!r}")
