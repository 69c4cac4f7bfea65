"""Which of several certificates a client is served (RFC 6066 §3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cfos_cloud.listener.certificate import Certificate


class CertificateChoice:
    """
    Who asks for a name gets a certificate for that very name, else one with a
    wildcard in the place of its first label. Among several, one that is valid now
    comes before any other, and then the one that was imported later.

    Everybody else gets the :meth:`default`: by the same rule the one for ``main``,
    else the valid one that was imported last, else the last.

    :param certificates: the one that was imported last first; never empty.
    :param main: the server's own name, where it is known.
    """

    def __init__(
        self, certificates: Sequence[Certificate], main: str | None = None
    ) -> None:
        self._all = [_Candidate.of(each) for each in certificates]
        self._main = None if main is None else _normal(main)
        self._by_name: defaultdict[str, list[_Candidate]] = defaultdict(list)
        for candidate in self._all:
            for name in names_of(candidate.certificate):
                self._by_name[name].append(candidate)

    def default(self, now: datetime) -> Certificate:
        """What a client gets that asks for no name, or for one that none is for."""
        found = None if self._main is None else self._by(self._main, now)
        if found is None:
            found = _first_valid(self._all, now) or self._all[0]
        return found.certificate

    def by_name(self, name: str, now: datetime) -> Certificate | None:
        """``None``: there is none for it, whatever ``name`` is."""
        found = self._by(_normal(name), now)
        return None if found is None else found.certificate

    def _by(self, name: str, now: datetime) -> _Candidate | None:
        candidates = [*self._candidates(name)]
        if not candidates:
            return None
        return _first_valid(candidates, now) or candidates[0]

    def _candidates(self, name: str) -> Iterator[_Candidate]:
        first, _, rest = name.partition(".")
        if first in ("", "*"):
            # No label, and one that a certificate has for all others.
            return
        yield from self._by_name.get(name, ())
        if rest:
            yield from self._by_name.get(f"*.{rest}", ())


@dataclass(frozen=True)
class _Candidate:
    """To look into a certificate takes long enough to do it once."""

    certificate: Certificate
    not_before: datetime
    not_after: datetime

    @classmethod
    def of(cls, certificate: Certificate) -> _Candidate:
        return cls(certificate, certificate.not_before, certificate.not_after)


def names_of(certificate: Certificate) -> frozenset[str]:
    """What it is for, in the one spelling in which names can be compared."""
    return frozenset(map(_normal, certificate.names))


def replaces(new: Certificate, old: Certificate) -> bool:
    """
    Is there nothing left that ``old`` would be for once ``new`` is there? So it is
    where ``new`` is for all its names; one without any is replaced by its like.
    """
    of_new, of_old = names_of(new), names_of(old)
    return of_old <= of_new and bool(of_old) == bool(of_new)


def _normal(name: str) -> str:
    return name.lower().removesuffix(".")


def _first_valid(found: Iterable[_Candidate], now: datetime) -> _Candidate | None:
    return next(
        (each for each in found if each.not_before <= now <= each.not_after), None
    )
