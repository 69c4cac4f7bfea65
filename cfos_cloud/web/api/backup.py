"""``backup`` of the operator API: all that the server has, as a tar file."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from cfos_cloud.events import NO_EVENTS, EventKind, EventLog
from cfos_cloud.registry.backup import Backup
from cfos_cloud.web.answers import is_near, is_secure
from cfos_cloud.web.api.operation import STRING, Operation
from cfos_cloud.web.api.query import boolean_parameter, read_boolean
from cfos_cloud.web.api.routes import Answer, StreamAnswer, route
from cfos_cloud.web.download import Download, Response
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import caller_of, check_still
from cfos_cloud.web.operator.origin import operator_of
from cfos_cloud.web.problem import NeedsPassword, NeedsTLS, Unauthorized

TAR = "application/x-tar"


class Backups(Protocol):
    """Who makes backups; the registry does."""

    def make(self, *, with_keys: bool) -> Deferred[Backup]: ...


class BackupResource:
    _log = Logger()

    def __init__(
        self, backups: Backups, clock: IReactorTime, events: EventLog = NO_EVENTS
    ) -> None:
        self._backups = backups
        self._clock = clock
        self._events = events

    @route(
        "/backup",
        method="GET",
        needs=Needs.FRESH_OPERATOR,
        about=Operation(
            "A backup of the running server",
            {200: {TAR: STRING}},
            description="""
            A tar file with the database as of one moment and, unless they are left
            out, the files beside it: the certificate with its private key, and the
            server's secret. Extracted into an empty directory it is a data directory.
            """,
            query=(
                boolean_parameter(
                    "keys", "`false` leaves the private keys out. Default: `true`."
                ),
            ),
            problems={
                403: "Private keys don't leave over plain HTTP, nor to an access key.",
                409: "The database is PostgreSQL: use pg_dump.",
            },
        ),
    )
    async def fetch(self, request: IRequest) -> Answer | StreamAnswer:
        with_keys = read_boolean(request, "keys") is not False
        caller = caller_of(request)
        if with_keys and caller is not None and caller.is_key:
            # They would be good for longer than the key that fetched them.
            raise NeedsPassword(
                "an access key gets no private keys: come with the admin password, or "
                "with keys=false"
            )
        if with_keys and not (is_secure(request) or is_near(request)):
            raise NeedsTLS("private keys leave over https:// only, or with keys=false")
        if request.method == b"HEAD":
            return Answer(200)
        backup = await self._backups.make(with_keys=with_keys)
        try:
            check_still(request)
        except Unauthorized:
            backup.close()
            raise
        for name in backup.left_out:
            self._log.warn("{name} is too large for a backup: left out", name=name)
        detail = "with keys" if with_keys else "without keys"
        self._events.note(EventKind.BACKUP_MADE, operator_of(request), detail=detail)
        name = datetime.fromtimestamp(self._clock.seconds()).strftime(
            "cfos-cloud-%Y%m%d-%H%M%S.tar"
        )
        disposition = f'attachment; filename="{name}"'.encode("ascii")
        return StreamAnswer(
            _BackupBody(backup, self._clock), ((b"Content-Disposition", disposition),)
        )


class _BackupBody:
    content_type = TAR.encode("ascii")

    def __init__(self, backup: Backup, clock: IReactorTime) -> None:
        self._backup = backup
        self._clock = clock
        self._download: Download | None = None

    def start(self, request: IRequest) -> Deferred[None]:
        archive, close = self._backup.archive, self._backup.close
        # Who gets less than this knows that it is not all.
        length = b"%d" % archive.length
        request.responseHeaders.setRawHeaders(b"content-length", [length])
        response = cast(Response, request)
        download = Download(response, archive.pieces(), self._clock)
        self._download = download

        def over(result: object) -> object:
            close()
            return result

        return download.start().addBoth(over)

    def abort(self) -> None:
        if self._download is not None:
            self._download.abort()
