"""``live`` of the operator API: what happens, as server-sent events."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest

from cfos_cloud.cloud_id import InvalidCloudID, check_cloud_id
from cfos_cloud.web.api.live_hub import RESERVED, Live
from cfos_cloud.web.api.live_stream import LiveStream
from cfos_cloud.web.api.operation import EVENT_STREAM, STRING, Operation, Parameter
from cfos_cloud.web.api.query import read_texts
from cfos_cloud.web.api.routes import StreamAnswer, route
from cfos_cloud.web.api.schema import CLOUD_ID
from cfos_cloud.web.download import Response
from cfos_cloud.web.operator.authorization import Needs
from cfos_cloud.web.operator.caller import Caller, caller_of
from cfos_cloud.web.problem import InvalidInput, TooManyAttempts

_DESCRIPTION = """
Server-sent events (`text/event-stream`), each with JSON: `hello` at the beginning
(`version`, and the counts), `system` (a system that has changed, come online or gone
offline), `removed` (`cloud_id`), `counts` (`systems`, `online`), `event` (as in
`/events`, perhaps without its `id`), `traffic` (`items` of `cloud_id`, `bytes_in` and
`bytes_out` of the systems that are watched), and `resync`: this client was too slow
and has missed something, it should ask for what it shows anew. A comment comes every
15 seconds. The stream ends with the session, or the access key, that asked for it, and
when the admin password is changed.
"""


#: Streams of one access key at a time, and seconds that it is told to wait then.
MAX_PER_KEY = 8
PATIENCE = 30.0


class LiveResource:
    def __init__(self, live: Live, clock: IReactorTime) -> None:
        self._live = live
        self._clock = clock

    @route(
        "/live",
        method="GET",
        needs=Needs.OPERATOR,
        about=Operation(
            "What happens, as it happens",
            {200: {EVENT_STREAM: STRING}},
            description=_DESCRIPTION,
            query=(
                Parameter(
                    "watch",
                    {"type": "array", "items": CLOUD_ID, "maxItems": 100},
                    "A system whose traffic is told; may be given several times.",
                ),
            ),
        ),
    )
    async def listen(self, request: IRequest) -> StreamAnswer:
        watched = read_texts(request, "watch")
        for cloud_id in watched:
            try:
                check_cloud_id(cloud_id)
            except InvalidCloudID as error:
                raise InvalidInput("watch", str(error)) from error
        _check_share(caller_of(request), self._live)
        response = LiveStream(cast(Response, request), self._clock)
        stream = _Listening(self._live, response, watched)
        # A proxy that collects would hold it back.
        return StreamAnswer(stream, ((b"X-Accel-Buffering", b"no"),))


def _check_share(caller: Caller | None, live: Live) -> None:
    """
    :raises TooManyAttempts: the access key has as many streams as it may.
    :raises Overloaded: too many listen already.
    """
    if caller is None or not caller.is_key:
        live.check_room()
        return
    if len(caller.life.streams) >= MAX_PER_KEY:
        raise TooManyAttempts(PATIENCE)
    live.check_room(RESERVED)


class _Listening:
    """The body of an answer."""

    content_type = b"text/event-stream"

    def __init__(
        self, live: Live, stream: LiveStream, watched: Collection[str]
    ) -> None:
        self._live = live
        self._stream = stream
        self._watched = watched

    def start(self, request: IRequest) -> Deferred[None]:
        return self._live.listen(self._stream, self._watched)

    def abort(self) -> None:
        self._stream.abort()
