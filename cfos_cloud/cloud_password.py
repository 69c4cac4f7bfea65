"""
The password that a system and the server share.

A generated one carries a check sum, so that the device end can tell it from a
chosen one without being told: a man in the middle may guess a chosen password
offline from a proof, a generated one (130 bits) never.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable

#: Crockford's base 32 in lower case: no i, l, o, u to misread.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_SYMBOLS = 26
_CHECK_SYMBOLS = 2
_GROUP = 7
_GENERATED = re.compile(
    rf"[{_ALPHABET}]{{{_GROUP}}}(?:-[{_ALPHABET}]{{{_GROUP}}}){{3}}\Z"
)

#: A chosen Cloud password is at least this long.
MIN_CHOSEN_LENGTH = 12
#: SCRAM iterations of the verifier of a generated password (RFC 7677's least).
GENERATED_ITERATIONS = 4_096
#: SCRAM iterations of the verifier of a chosen password.
CHOSEN_ITERATIONS = 210_000


def _check_symbols(symbols: str) -> str:
    digest = hashlib.sha256(b"cfos-cloud password:" + symbols.encode()).digest()
    return _ALPHABET[digest[0] >> 3] + _ALPHABET[digest[1] >> 3]


def generate(choice: Callable[[str], str] = secrets.choice) -> str:
    """A new password: 130 random bits and 10 check bits, as four groups of seven."""
    symbols = "".join(choice(_ALPHABET) for _ in range(_RANDOM_SYMBOLS))
    symbols += _check_symbols(symbols)
    return "-".join(symbols[at : at + _GROUP] for at in range(0, len(symbols), _GROUP))


def is_generated(password: str) -> bool:
    """Whether ``password`` is one that :func:`generate` made (1 in 1,024 else)."""
    if _GENERATED.match(password) is None:
        return False
    symbols = password.replace("-", "")
    return symbols[_RANDOM_SYMBOLS:] == _check_symbols(symbols[:_RANDOM_SYMBOLS])


def iterations_for(password: str) -> int:
    """The SCRAM iteration count that a verifier of ``password`` is made with."""
    return GENERATED_ITERATIONS if is_generated(password) else CHOSEN_ITERATIONS
