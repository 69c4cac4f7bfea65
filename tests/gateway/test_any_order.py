"""
Whatever browsers and devices do, in whatever order: nothing is left behind, and nothing
is an error of ours. The order is random, from a seed that a failure names.
"""

from __future__ import annotations

import random

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.logger import LogLevel, capturedLogs

from tests.gateway.support import Browser, DeviceCase
from tests.tunnel.support import DeviceStream

SEEDS = range(300)
STEPS = 150
TARGETS = (b"/a", b"/b?x", b"/cloud/x", b"/ui/en/cloud-login.htm", b"/cloud/tunnel")
LINES = (
    (),
    (b"Connection: close",),
    (b"Expect: 100-continue",),
    (b"Connection: Upgrade", b"Upgrade: websocket"),
    (b"Connection: Upgrade", b"Upgrade: h2c"),
)
BODIES = (
    ((), b""),
    ((b"Content-Length: 1000",), b"b" * 1000),
    ((b"Content-Length: 70000",), b"b" * 70_000),
    ((b"Transfer-Encoding: chunked",), b"5\r\nhello\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"5\r\nhello\r\nnonsense"),
)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000,
    b"HTTP/1.1 200 OK\r\n\r\nuntil its end",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
    b"HTTP/1.1 502 Bad\r\nCfos-Error: refused\r\nContent-Length: 0\r\n\r\n",
    b"nonsense\r\n\r\n",
)


class AnyOrderTests(DeviceCase):
    def test_nothing_is_left_behind_and_nothing_is_an_error(self) -> None:
        for seed in SEEDS:
            self.setUp()
            with capturedLogs() as events:
                self.play(random.Random(seed))  # noqa: S311 - not for secrets
            self.assertEqual(self.gateway.channels, {}, seed)
            self.assertEqual(self.session.streams, set(), seed)
            self.assertFalse(self.tunnel.session.busy, seed)
            bad = (LogLevel.error, LogLevel.critical)
            errors = [each for each in events if each["log_level"] in bad]
            self.assertEqual(errors, [], seed)

    def play(self, dice: random.Random) -> None:
        self.dice = dice
        self.unsent: dict[Browser, bytes] = {self.user: b""}
        for _ in range(STEPS):
            if not self.unsent or dice.random() < 0.05:
                self.unsent[self.browser(self.session, secure=dice.random() < 0.7)] = (
                    b""
                )
            browser = dice.choice(list(self.unsent))
            if browser.wire.aborted or browser.wire.disconnecting:
                self.leave(browser)
                continue
            move = dice.choices(
                (self.say, self.answer, self.end, self.rest, self.leave),
                (10, 8, 2, 3, 1),
            )[0]
            move(browser)
            self.pump()
        for browser in list(self.unsent):
            self.leave(browser)
        self.revocation_over()
        self.pump()

    def say(self, browser: Browser) -> None:
        """Some of a request."""
        dice = self.dice
        if not self.unsent[browser]:
            lines, body = dice.choice(BODIES)
            method = b"POST" if lines else dice.choice((b"GET", b"HEAD", b"OPTIONS"))
            head = browser.head(
                dice.choice(TARGETS), *dice.choice(LINES), *lines, method=method
            )
            if dice.random() < 0.1:
                head = head.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
            self.unsent[browser] = (head + body) * dice.choice((1, 1, 1, 3))
        if browser.wire.reading:
            size = dice.choice((20, 500, 100_000))
            data, self.unsent[browser] = (
                self.unsent[browser][:size],
                self.unsent[browser][size:],
            )
            browser.send(data)

    def answer(self, browser: Browser) -> None:
        """Some of an answer, whether anybody has asked or not."""
        stream = self.some_stream()
        if stream is not None:
            data = self.dice.choice(ANSWERS)
            whole = self.dice.random() < 0.8
            stream.stream.write(data if whole else data[: len(data) // 2])

    def end(self, browser: Browser) -> None:
        """A device or a browser has said all, or has had enough."""
        stream = self.some_stream()
        kind = self.dice.randrange(4)
        if kind == 0 and stream is not None:
            stream.stream.loseWriteConnection()
        elif kind == 1 and stream is not None:
            stream.reset()
        elif kind == 2 and IHalfCloseableProtocol.providedBy(browser.channel):
            browser.channel.readConnectionLost()
            self.unsent[browser] = b""
        elif kind == 3 and self.dice.random() < 0.2:
            self.gateway.close_when_idle()

    def rest(self, browser: Browser) -> None:
        """Time passes, or somebody does not read for a while."""
        kind = self.dice.randrange(3)
        if kind == 0:
            self.clock.advance(self.dice.choice((0.1, 0.3, 5.0, 130.0)))
        elif kind == 1:
            browser.channel.pauseProducing()
        else:
            browser.channel.resumeProducing()

    def leave(self, browser: Browser) -> None:
        del self.unsent[browser]
        browser.leave(clean=not browser.wire.aborted and self.dice.random() < 0.5)
        self.pump()

    def some_stream(self) -> DeviceStream | None:
        there = [stream for stream in self.streams if not stream.lost]
        return self.dice.choice(there) if there else None
