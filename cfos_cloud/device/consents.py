"""All that a device end has agreed to, in memory and on the disk alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from cfos_cloud.device.admin_password import AdminPassword
from cfos_cloud.device.argon2_hash import Argon2Hash, InvalidHash
from cfos_cloud.device.consent import Consent
from cfos_cloud.device.consent_file import ConsentFile, Kept
from cfos_cloud.device.password_mark import bears_mark

#: Consents kept at the same time; beyond it an expired one goes, or a new one is
#: refused.
MAX_CONSENTS = 200


class TooManyConsents(Exception):
    """There are :data:`MAX_CONSENTS`, and all of them live."""


class Consents:
    """
    By ``key``, each of them durable before it counts. All are of one admin password:
    with another one they are over.

    :param now: seconds since the epoch.
    """

    log = Logger()

    def __init__(self, file: ConsentFile, now: Callable[[], float]) -> None:
        self._file = file
        self._now = now
        self._consents: dict[str, Consent] = {}
        self._mark: str | None = None
        self._marked: AdminPassword | None = None
        #: What has ended is still on the disk.
        self._behind = False
        self._complained = False

    def __len__(self) -> int:
        return len(self._consents)

    def load(self, admin: AdminPassword) -> None:
        """
        What was kept, unless it was given by another password than ``admin``. May
        cost a computation of argon2id, before anything else runs.

        :raises ConsentFileError: the file can't be read.
        """
        kept = self._file.read()
        if not kept.consents:
            return
        if kept.mark is not None and bears_mark(admin, kept.mark):
            self._consents = {c.key: c for c in kept.consents[:MAX_CONSENTS]}
            self._mark, self._marked = kept.mark, admin
            return
        self.log.warn(
            "the admin password is not the one that {count} access keys were "
            "authorised by: they are over",
            count=len(kept.consents),
        )
        self._behind = True
        self.flush()

    def load_marked(self) -> None:
        """
        What was kept, by a password of which nobody but the target knows whether it is
        still right. That is found out as soon as somebody proves one.

        :raises ConsentFileError: the file can't be read.
        """
        kept = self._file.read()
        if not kept.consents:
            return
        try:
            self._marked = AdminPassword(hash=Argon2Hash.parse(kept.mark or ""))
        except InvalidHash:
            self.log.warn(
                "{count} access keys were authorised by the password in a file, which "
                "does not decide any more: they are over",
                count=len(kept.consents),
            )
            self._behind = True
            self.flush()
            return
        self._consents = {c.key: c for c in kept.consents[:MAX_CONSENTS]}
        self._mark = kept.mark

    @property
    def given_by(self) -> AdminPassword | None:
        """The password that they were given by, if there are any."""
        return self._marked if self._consents else None

    def get(self, key: str) -> Consent | None:
        """The consent to ``key`` while it lives."""
        consent = self._consents.get(key)
        return consent if consent is not None and consent.lives(self._now()) else None

    def mark_of(self, admin: AdminPassword) -> str | None:
        """The mark of ``admin``, if it has been made."""
        return self._mark if self._marked == admin else None

    def add(self, consent: Consent, admin: AdminPassword, mark: str) -> None:
        """
        Keep ``consent``, given by ``admin``, whose mark is ``mark``, in the place of
        an earlier one to the same key. It is on the disk on return.

        :raises TooManyConsents: there is no room.
        :raises OSError: it can't be written, and does not count.
        """
        consents = dict(self._consents) if self._marked == admin else {}
        consents.pop(consent.key, None)
        if len(consents) >= MAX_CONSENTS:
            self._make_room(consents)
        consents[consent.key] = consent
        try:
            self._file.write(Kept(tuple(consents.values()), mark))
        except OSError:
            # Whether it is there or not, nobody knows: the next try removes it.
            self._behind = True
            raise
        self._behind = False
        self._consents, self._mark, self._marked = consents, mark, admin

    def remove(self, keys: Iterable[str]) -> None:
        """These are over now, and on the disk as soon as it can be written."""
        gone = [key for key in keys if self._consents.pop(key, None) is not None]
        if gone:
            self._behind = True
            self.flush()

    def clear(self) -> None:
        """All are over, as after a change of the admin password."""
        gone, self._consents = self._consents, {}
        self._mark = self._marked = None
        if gone:
            self._behind = True
            self.flush()

    def flush(self) -> None:
        """Write what could not be written before; to be called again and again."""
        if not self._behind:
            return
        try:
            self._file.write(Kept(tuple(self._consents.values()), self._mark))
        except OSError as error:
            self._complain(error)
        else:
            self._behind = False
            self._complained = False

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            self.log.error(
                "can't write {path}: {why}; tries again until the access keys that "
                "are over are gone from it",
                path=str(self._file.path),
                why=error.strerror,
            )

    def _make_room(self, consents: dict[str, Consent]) -> None:
        """Expired ones go, and only if they must: a clock may be wrong for a while."""
        now = self._now()
        over = [c for c in consents.values() if not c.lives(now)]
        if not over:
            raise TooManyConsents
        del consents[min(over, key=lambda c: c.expires or 0.0).key]
