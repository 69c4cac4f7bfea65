"""Certificates that the operator has imported, as files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.logger import Logger

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_check import read_pair
from cfos_cloud.listener.certificate_choice import replaces
from cfos_cloud.listener.certificate_pem import BadCertificate
from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret

#: Certificates side by side. Each import and each start reads them all.
MAX_IMPORTED = 100

_NEWEST = "imported.pem"
_OLDER = re.compile(r"imported-([1-9][0-9]{0,8})\.pem", re.ASCII)


class TooManyCertificates(BadCertificate):
    """Nothing is wrong with it, but there is no room for another."""


@dataclass(frozen=True)
class _Stored:
    path: Path
    certificate: Certificate


class ImportedCertificates:
    """
    A key and its chain in each file: ``imported.pem`` has what was imported last,
    and ``imported-N.pem`` what was before, a higher number later. So who knows of
    one file only, an earlier version of this program say, finds the latest.

    One that another replaces (:func:`replaces`) has no file any more. After a crash
    it may still have, and does not count.

    :ivar newest: the file of the latest.
    """

    _log = Logger()

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.newest = directory / _NEWEST
        self._read_before: dict[bytes, Certificate] = {}

    def load(self) -> tuple[Certificate, ...]:
        """
        All of them, the one that was imported last first.

        :raises BadCertificate: a file is damaged; the message names it.
        :raises SecretFileError, OSError: one can't be read.
        """
        stored = [_Stored(path, self._read(path)) for path in self._paths()]
        living, _ = _told_apart(stored)
        present = {each.certificate for each in stored}
        self._read_before = {
            content: certificate
            for content, certificate in self._read_before.items()
            if certificate in present
        }
        if len(living) > MAX_IMPORTED:
            self._log.warn(
                "of {count} imported certificates only the {limit} latest are used",
                count=len(living),
                limit=MAX_IMPORTED,
            )
        return tuple(each.certificate for each in living[:MAX_IMPORTED])

    def add(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """
        All of them with this one, which is on the disk when this returns; a crash
        at any moment before leaves what was there, or that and this, all whole.

        :raises TooManyCertificates: there are :data:`MAX_IMPORTED` others.
        :raises OSError: it can't be written; what was there stays.
        """
        living, _ = _told_apart(self._readable())
        others = [e for e in living if not replaces(certificate, e.certificate)]
        if len(others) >= MAX_IMPORTED:
            raise TooManyCertificates(
                f"there are {MAX_IMPORTED} other certificates already, "
                "which is as many as there can be: remove one first"
            )
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        moved = None
        if others and others[0].path == self.newest:
            moved = self._directory / f"imported-{self._next_number()}.pem"
            self._write(moved, others[0].certificate)
        try:
            self._write(self.newest, certificate)
        except BaseException:
            if moved is not None:
                moved.unlink(missing_ok=True)
            raise
        self.tidy()
        return certificate, *(each.certificate for each in others)

    def remove(self, certificate: Certificate) -> bool:
        """
        ``False``: it is not among them. Else it is gone from the disk when this
        returns; a crash before leaves all, or all others.

        :raises OSError: it can't be removed.
        """
        living, replaced = _told_apart(self._readable())
        found = next((e for e in living if e.certificate == certificate), None)
        if found is None:
            return False
        for each in replaced:
            # Without the one that replaces it, it would come back.
            each.path.unlink(missing_ok=True)
        others = [each for each in living if each is not found]
        if found.path == self.newest and others:
            others[0].path.rename(self.newest)
        else:
            found.path.unlink(missing_ok=True)
        _sync(self._directory)
        return True

    def tidy(self) -> None:
        """Remove files of certificates that others have replaced."""
        _, replaced = _told_apart(self._readable())
        for each in replaced:
            try:
                each.path.unlink(missing_ok=True)
            except OSError as error:
                self._log.warn(
                    "can't remove {path}, which another certificate has replaced: "
                    "{reason}",
                    path=str(each.path),
                    reason=error.strerror,
                )

    def _readable(self) -> list[_Stored]:
        stored = []
        for path in self._paths():
            try:
                stored.append(_Stored(path, self._read(path)))
            except (BadCertificate, SecretFileError) as error:
                self._log.warn("left as it is: {reason}", reason=error)
        return stored

    def _paths(self) -> list[Path]:
        older = sorted(self._numbers(), reverse=True)
        paths = [self._directory / f"imported-{number}.pem" for number in older]
        return [self.newest, *paths] if self.newest.exists() else paths

    def _numbers(self) -> Iterator[int]:
        if self._directory.is_dir():
            for path in self._directory.iterdir():
                match = _OLDER.fullmatch(path.name)
                if match is not None:
                    yield int(match[1])

    def _next_number(self) -> int:
        return max(self._numbers(), default=0) + 1

    def _read(self, path: Path) -> Certificate:
        content = read_secret(path).encode("utf-8")
        certificate = self._read_before.get(content)
        if certificate is None:
            # To check an RSA key takes up to half a second, and was done for these.
            is_checked = path != self.newest
            try:
                certificate = read_pair(content, content, is_checked=is_checked)
            except BadCertificate as error:
                raise BadCertificate(f"{path.name}: {error}") from error
            self._read_before[content] = certificate
        return certificate

    def _write(self, path: Path, certificate: Certificate) -> None:
        content = certificate.key_pem + certificate.certificate_pem
        write_secret(path, content)
        self._read_before[content.removesuffix(b"\n")] = certificate


def _told_apart(stored: list[_Stored]) -> tuple[list[_Stored], list[_Stored]]:
    """Those that count, and those that a later one has replaced."""
    living: list[_Stored] = []
    replaced: list[_Stored] = []
    for each in stored:
        is_over = any(replaces(e.certificate, each.certificate) for e in living)
        (replaced if is_over else living).append(each)
    return living, replaced


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
