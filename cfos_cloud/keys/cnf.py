"""
Which commands of ``/cnf`` only read.

The devices of the profile ``cfos`` have one address for everything, ``/cnf?cmd=…``, and
change their state by GET as well. So what reads is a list of commands, and a target
that a device could take for another command is none of them.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

#: As a device end says it in ``hello``.
PROFILE = "cfos"
PATH = b"/cnf"
PARAMETER = b"cmd"
READ_COMMANDS = frozenset(
    {
        b"get_dev_info",
        b"get_params",
        b"get_devices",
        b"get_dev_types",
        b"get_users",
        b"get_user",
        b"get_cm_vars",
    }
)
#: One more parameter: a name without escapes, a value with nothing that separates.
_MORE = re.compile(
    rb"(?P<name>[A-Za-z0-9_.-]+)=(?P<value>(?:[A-Za-z0-9_.,:~@/+-]|%[0-9A-Fa-f]{2})*)"
)
#: What must not be the meaning of an escape: a device that undoes escapes first, or
#: twice, would see further parameters.
_SEPARATORS = frozenset(b"&=;?#%")


def reads(target: bytes) -> bool:
    """
    Whether ``target``, as it is in a request's first line, can only be understood as
    one of :data:`READ_COMMANDS`: the command comes first, once, and in plain letters.
    """
    path, question, query = target.partition(b"?")
    first, *others = query.split(b"&")
    name, equals, command = first.partition(b"=")
    if (path, question, name, equals) != (PATH, b"?", PARAMETER, b"="):
        return False
    return command in READ_COMMANDS and all(_is_harmless(other) for other in others)


def _is_harmless(parameter: bytes) -> bool:
    match = _MORE.fullmatch(parameter)
    if match is None or match["name"].lower() == PARAMETER:
        return False
    value = unquote_to_bytes(match["value"])
    return all(octet > 0x1F and octet != 0x7F for octet in value) and (
        _SEPARATORS.isdisjoint(value)
    )
