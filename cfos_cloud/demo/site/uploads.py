"""Uploads of any size: measured as they pass, never kept, read as fast as that goes."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from cfos_cloud.demo.site.answers import send_json, send_refusal
from cfos_cloud.demo.site.firmware import Measure, Uploaded
from cfos_cloud.demo.site.visitors import AccessRefused
from cfos_cloud.http.message import RequestHead
from cfos_cloud.relay.channel import RequestChannel

#: Status and document of the answer.
UploadAnswer = tuple[int, object]


class UploadRefused(Exception):
    """It is not taken: status, document and fields of the answer."""

    def __init__(
        self, status: int, document: object, *fields: tuple[bytes, bytes]
    ) -> None:
        super().__init__(str(document))
        self.status = status
        self.document = document
        self.fields = fields


class Upload:
    """
    One upload. No byte of the body is read before ``admit`` has returned, so that the
    progress that a browser shows is the progress.

    :param admit: raises :class:`AccessRefused` or :class:`UploadRefused`.
    :param taken: the answer to what came.
    """

    log = Logger()

    def __init__(
        self,
        channel: RequestChannel,
        head: RequestHead,
        admit: Callable[[], Awaitable[object]],
        taken: Callable[[Uploaded], UploadAnswer],
    ) -> None:
        self._channel = channel
        self._admit = admit
        self._taken = taken
        self._measure = Measure()
        self._admitted = False
        self._complete = False
        self._over = False
        self._continues = any(
            lower == b"expect" and value.lower() == b"100-continue"
            for lower, _, value in head.fields
        )

    def start(self) -> Upload:
        """Ask whether it is taken."""
        self._channel.pause_request()
        ensureDeferred(self._begin()).addErrback(self._failed)
        return self

    # RequestSink

    def body(self, data: bytes) -> None:
        self._measure.add(data)

    def end(self) -> None:
        self._complete = True
        if self._admitted:
            self._finish()

    def closed(self, clean: bool) -> None:
        self._over = True

    def pause_response(self) -> None:
        """The answer is small."""

    def resume_response(self) -> None:
        """The answer is small."""

    # within

    async def _begin(self) -> None:
        try:
            await self._admit()
        except AccessRefused as refused:
            if not self._over:
                self._over = True
                send_refusal(self._channel, refused)
            return
        except UploadRefused as refused:
            self._answer(refused.status, refused.document, *refused.fields)
            return
        if self._over:
            return
        self._admitted = True
        if self._complete:
            self._finish()
            return
        if self._continues:
            self._channel.inform(100, b"Continue", b"")
            self._channel.flush()
        self._channel.resume_request()

    def _finish(self) -> None:
        if self._over:
            return
        try:
            status, document = self._taken(self._measure.result())
        except UploadRefused as refused:
            status, document = refused.status, refused.document
        self._answer(status, document)

    def _answer(
        self, status: int, document: object, *fields: tuple[bytes, bytes]
    ) -> None:
        if not self._over:
            self._over = True
            send_json(self._channel, status, document, *fields)

    def _failed(self, failure: typing.Any) -> None:
        self.log.failure("an upload failed", failure)
        self._answer(500, {"error": "internal"})
