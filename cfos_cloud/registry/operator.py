"""The operator's admin password."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from cfos_cloud.cloud_password import generate
from cfos_cloud.events import SERVER, Event, EventKind, Origin
from cfos_cloud.registry import event_rows, settings
from cfos_cloud.registry.database import Database
from cfos_cloud.registry.event_store import Events
from cfos_cloud.registry.remembered import RememberedPassword
from cfos_cloud.registry_errors import AdminPasswordError, AdminPasswordFixed
from cfos_cloud.secret_files import SecretFileError, read_secret, write_secret
from cfos_cloud.turns import Turns
from cfos_cloud.workers import ThreadWorker, Worker, shielded

#: In the data directory, from the first start to the first change.
INITIAL_FILE = "initial-admin-password"
#: Passwords that are hashed at a time, and those that may wait for it.
THREADS = 2
WAITING = 32

#: Characters of an admin password at most. To bring one into one form takes time
#: that grows with the square of its length, and anybody may try one.
MAX_PASSWORD = 1000

_SETTING = "admin_password"
#: argon2id, a step above OWASP's least (19 MiB, t=2): 64 MiB, the library's own
#: choice, would double the memory of the server while two log in.
_HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)


def hashing_worker(reactor: IReactorFromThreads) -> ThreadWorker:
    """Threads of their own for passwords, with a bounded queue."""
    return ThreadWorker(reactor, "passwords", THREADS, WAITING)


class Operator:
    """Knows no password until :meth:`prepare`. ``worker`` bounds the hashing."""

    _log = Logger()

    def __init__(
        self,
        database: Database,
        worker: Worker,
        clock: IReactorTime,
        events: Events,
        hasher: PasswordHasher = _HASHER,
        choice: Callable[[str], str] = secrets.choice,
    ) -> None:
        self._database = database
        self._worker = worker
        self._events = events
        self._hasher = hasher
        self._choice = choice
        self._remembered = RememberedPassword(clock)
        self._turns = Turns()
        self._hash = ""
        self._initial_file: Path | None = None
        self._fixed = False
        self._listeners: list[Callable[[], object]] = []
        database.when_back(self._back)

    @property
    def fixed(self) -> bool:
        """Whether a file is the authority, so that nobody else may change it."""
        return self._fixed

    def when_changed(self, listener: Callable[[], object]) -> None:
        """Call ``listener`` when another password counts than before."""
        self._listeners.append(listener)

    def prepare(self, data_dir: Path, admin_password_file: Path | None = None) -> None:
        """
        Take the password from ``admin_password_file``, else the one of the
        database, else generate one into ``DATA/initial-admin-password`` (0600).
        Blocks: only before the reactor runs.

        :raises AdminPasswordError: the file is empty or can't be read or written.
        :raises DatabaseError: the database does not answer.
        """
        self._initial_file = data_dir / INITIAL_FILE
        stored = self._database.run_blocking(_read)
        if admin_password_file is not None:
            self._hash = self._from_file(admin_password_file, stored)
            self._fixed = True
        elif stored is None:
            self._hash = self._generated(self._initial_file)
        else:
            self._hash = stored

    def verify(self, password: str) -> Deferred[bool]:
        """
        Whether this is the password. A wrong one costs what a right one does, unless
        it is too long for any; a right one is remembered for 60 s.

        :raises Overloaded: as a failure: too many wait already.
        """

        async def verify() -> bool:
            known = self._hash
            right = await self._worker.run(self._check, known, password)
            # A change meanwhile: neither password is to be remembered by this.
            if right and known == self._hash:
                self._remembered.remember(password)
                return True
            return False

        if len(password) > MAX_PASSWORD:
            return succeed(False)
        password = _normal(password)
        if self._remembered.matches(password):
            return succeed(True)
        return shielded(Deferred.fromCoroutine(verify()))

    def set_password(self, password: str, by: Origin = SERVER) -> Deferred[None]:
        """
        Change it, forget the old one, and remove the file of the first start.

        :raises AdminPasswordFixed: as a failure: it comes from a file.
        :raises AdminPasswordError: as a failure: it is empty or too long.
        :raises Overloaded: as a failure.
        :raises DatabaseError: as a failure; the old one stays.
        """

        async def change() -> None:
            if self._fixed:
                raise AdminPasswordFixed(
                    "the admin password comes from --admin-password-file "
                    "and is changed there"
                )
            if not password:
                raise AdminPasswordError("the admin password is empty")
            if len(password) > MAX_PASSWORD:
                raise AdminPasswordError(
                    f"the admin password has more than {MAX_PASSWORD} characters"
                )
            new = await self._worker.run(self._hasher.hash, _normal(password))
            event = self._events.make(EventKind.ADMIN_PASSWORD_CHANGED, by)
            await self._database.run(partial(_write, value=new, event=event))
            self._events.tell(event)
            self._use(new)

        return self._turns.take(change)

    def close(self) -> None:
        """Let what is being hashed end, then the threads."""
        self._worker.stop()

    def _check(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except VerificationError:
            return False
        except InvalidHashError:
            self._log.error("the admin password in the database is no argon2 hash")
            return False

    def _from_file(self, path: Path, stored: str | None) -> str:
        try:
            password = read_secret(path)
        except SecretFileError as error:
            raise AdminPasswordError(f"the admin password: {error}") from error
        if not password:
            raise AdminPasswordError(f"the admin password file {path} is empty")
        if len(password) > MAX_PASSWORD:
            raise AdminPasswordError(
                f"the admin password in {path} has more than {MAX_PASSWORD} characters"
            )
        password = _normal(password)
        if stored is not None and self._check(stored, password):
            return stored
        new = self._store(password, "from the file of --admin-password-file")
        self._forget_initial()
        return new

    def _generated(self, path: Path) -> str:
        password = generate(self._choice)
        try:
            # First the file: a crash between both leaves no password nobody knows.
            write_secret(path, password + "\n")
        except OSError as error:
            raise AdminPasswordError(
                f"can't write the admin password to {path}: {error.strerror}"
            ) from error
        new = self._store(password, "generated")
        self._log.warn(
            "first start: an admin password was generated; it is in {path}",
            path=str(path),
        )
        return new

    def _store(self, password: str, how: str) -> str:
        """The hash of ``password``, which is stored now. Blocks."""
        new = self._hasher.hash(password)
        event = self._events.make(EventKind.ADMIN_PASSWORD_CHANGED, detail=how)
        self._database.run_blocking(partial(_write, value=new, event=event))
        return new

    def _use(self, new: str) -> None:
        self._hash = new
        self._remembered.forget()
        self._forget_initial()
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                self._log.failure("a listener failed at a new admin password")

    def _back(self) -> None:
        """Whether a change that failed was made nobody knows but the database."""

        async def reload() -> None:
            stored = await self._database.run(_read)
            if stored is not None and stored != self._hash:
                self._use(stored)

        self._turns.take(reload, is_patient=True).addErrback(
            lambda failure: self._log.error(
                "the admin password is not read again: {reason}",
                reason=failure.getErrorMessage(),
            )
        )

    def _forget_initial(self) -> None:
        if self._initial_file is None:
            return
        try:
            self._initial_file.unlink(missing_ok=True)
        except OSError as error:
            self._log.warn(
                "the admin password in {path} is out of date, remove it: {reason}",
                path=str(self._initial_file),
                reason=error.strerror,
            )


def _read(connection: Connection) -> str | None:
    return settings.read(connection, _SETTING)


def _write(connection: Connection, value: str, event: Event) -> None:
    settings.write(connection, _SETTING, value)
    event_rows.add(connection, [event])


def _normal(password: str) -> str:
    """One form for all ways of typing an accent (RFC 7617 §2.1, RFC 8265 §4.2)."""
    return unicodedata.normalize("NFC", password)
