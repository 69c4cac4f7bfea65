"""A Smart Energy Meter: a token for a password once a second, JSON, and a WebSocket."""

from __future__ import annotations

import os
import secrets
import threading
import time

from tests.end_to_end import websocket
from tests.end_to_end.target import Request
from tests.stand_ins.stand_in import StandIn, form_of, send_json, send_page

TOKEN = "/api/web-login/token"
READINGS = "/api/json/local/values/smart-meter"
LIVE = "/api/data-transfer/ws/protobuf/gdr/local/values/smart-meter"
#: Bytes of a live message, of which there is one a second.
MESSAGE_BYTES = 830


class SmartMeter(StandIn):
    """
    :ivar life: seconds that a token counts.
    :ivar tokens: those that count, and until when.
    :ivar throttled: log-ins that were turned away.
    :ivar sold: tokens in all.
    """

    def __init__(self, password: str, life: float = 3600.0) -> None:
        self.password = password
        self.life = life
        self.tokens: dict[str, float] = {}
        self.throttled = 0
        self.sold = 0
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()
        super().__init__()

    def answer(self, request: Request) -> None:
        if request.path == "/":
            send_page(request, "Meter", "Content-Security-Policy: default-src 'self'")
        elif request.path == TOKEN and request.method == "POST":
            self._log_in(request)
        elif request.path == READINGS:
            self._read(request)
        elif request.path == LIVE:
            self._live(request)
        else:
            send_json(request, {"error": {"message": "not found"}}, "404 Not Found")

    def forget_tokens(self) -> None:
        """As after a restart."""
        self.tokens.clear()

    def _log_in(self, request: Request) -> None:
        form = form_of(request)
        address = request.connection.getpeername()[0]
        with self._lock:
            now = time.monotonic()
            too_soon = now - self._last.get(address, -1.0) < 1.0
            if not too_soon:
                self._last[address] = now
        if too_soon:
            self.throttled += 1
            send_json(request, {"error": "slow_down"}, "429 Too Many Requests")
        elif form.get("grant_type") != "password" or (
            form.get("password") != self.password
        ):
            send_json(request, {"error": "invalid_grant"}, "400 Bad Request")
        else:
            token = secrets.token_urlsafe(24)
            self.tokens[token] = time.monotonic() + self.life
            self.sold += 1
            document = {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": self.life,
            }
            send_json(request, document)

    def _counts(self, value: str | None) -> bool:
        token = (value or "").removeprefix("Bearer ")
        return value != token and self.tokens.get(token, 0.0) > time.monotonic()

    def _read(self, request: Request) -> None:
        if not self._counts(request.field("Authorization")):
            request.respond("401 Unauthorized")
            return
        values = {"active_power_+": 11_000_000, "supply_frequency": 50_000}
        send_json(request, {"smart-meter": {"status": 0, "values": values}})

    def _live(self, request: Request) -> None:
        key = request.field("Sec-WebSocket-Key")
        if key is None:
            send_json(request, {"error": {"message": "upgrade"}}, "400 Bad Request")
            return
        request.begin(
            "101 Switching Protocols",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Accept: {websocket.accept_of(key)}",
        )
        request.keep_alive = False
        reader = websocket.Reader(request.receive, request.take_rest())
        opcode, first = reader.read_frame()
        if opcode != websocket.TEXT or not self._counts(first.decode()):
            request.send(websocket.frame(websocket.CLOSE, b""))
            return
        while True:
            request.send(websocket.frame(websocket.BINARY, os.urandom(MESSAGE_BYTES)))
            time.sleep(1.0)
