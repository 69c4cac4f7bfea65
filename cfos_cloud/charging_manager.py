"""The vendor's command line, ``charging_manager run <port> -cloud_server …``."""

from __future__ import annotations

from collections.abc import Sequence

_USAGE = "charging_manager run PORT -cloud_server [-allow_http] [-loglevel 1..4]"


class BadCommandLine(ValueError):
    """It says nothing that can be run; the message is one clear line."""


def server_arguments(arguments: Sequence[str]) -> list[str]:
    """
    The options of our own server for the vendor's command line (without its name),
    whose words after the port come in any order.

    :raises BadCommandLine: it is none.
    """
    if not arguments:
        raise BadCommandLine(f"use it as: {_USAGE}")
    if arguments[0] != "run":
        raise BadCommandLine(f"unknown command {arguments[0]!r}; use it as: {_USAGE}")
    if len(arguments) < 2:
        raise BadCommandLine(f"the port is missing; use it as: {_USAGE}")
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
                raise BadCommandLine(f"unknown option {word!r}; use it as: {_USAGE}")
    if not is_cloud_server:
        raise BadCommandLine("only the cloud server is here: add -cloud_server")
    return options


def _number(text: str, what: str, highest: int) -> str:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= highest:
        return str(int(text[:9]))
    raise BadCommandLine(f"{what} is a number from 1 to {highest}, not {text!r}")
