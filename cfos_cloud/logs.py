"""
The log of both daemons: one line an event, at a level that can change.

twistd sets up logging before the service starts, from what it finds on the
Application: :class:`LoggedService` puts the observer there.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from types import FrameType
from typing import IO

from constantly import NamedConstant  # type: ignore[import-untyped]
from twisted.application.service import IServiceCollection, MultiService
from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    PredicateResult,
    eventAsText,
    formatEvent,
)
from twisted.logger import LogLevel as Severity
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile
from zope.interface import implementer

#: The levels and what each adds: error, warning, information, data.
LEVELS = (1, 2, 3, 4)
DEFAULT_LEVEL = 3
#: Longest text of one event, in characters; a peer may send long values.
MAX_TEXT = 8192

_LEVEL_OF: dict[NamedConstant, int] = {
    Severity.critical: 1,
    Severity.error: 1,
    Severity.warn: 2,
    Severity.info: 3,
    Severity.debug: 4,
}
_NAMES = {1: "error", 2: "warning", 3: "information", 4: "data"}
#: The priorities of syslog(3) by level, as sd-daemon(3) writes them.
_PRIORITIES = {1: "<3>", 2: "<4>", 3: "<6>", 4: "<7>"}

#: Makes the text of an event, or ``None`` of one without any.
EventFormatter = Callable[[LogEvent], str | None]

_SIGNAL = "Received SIG"
_CHATTY = ("twisted.", "log_legacy.")

#: Control characters, line and paragraph separators, text direction, surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def level_of(event: LogEvent) -> int:
    """
    The level from which on ``event`` is logged. What Twisted itself informs of
    (factories, ports, its version) counts as data, except for the signal that ends it.
    """
    level = _LEVEL_OF.get(event.get("log_level", Severity.info), 1)
    namespace = str(event.get("log_namespace", ""))
    if level != 3 or str(event.get("log_format")).startswith(_SIGNAL):
        return level
    return 4 if f"{namespace}.".startswith(_CHATTY) else level


@implementer(ILogFilterPredicate)
class LogLevel:
    """What is logged now, to be changed at any time by setting ``level``."""

    def __init__(self, level: int = DEFAULT_LEVEL) -> None:
        self._level = DEFAULT_LEVEL
        self.level = level

    @property
    def level(self) -> int:
        """1 to 4: errors; warnings too; information too; data too."""
        return self._level

    @level.setter
    def level(self, level: int) -> None:
        """:raises ValueError: not 1 to 4."""
        if level not in LEVELS:
            raise ValueError("a log level is 1, 2, 3 or 4")
        self._level = level

    def __call__(self, event: LogEvent) -> NamedConstant:
        if level_of(event) <= self._level:
            return PredicateResult.yes
        return PredicateResult.no


def escape(text: str) -> str:
    """``text`` with nothing in it that ends a line or moves the cursor."""
    return _UNSAFE.sub(_escape_one, text)


def _escape_one(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def severity_of(event: LogEvent) -> str:
    """``error``, ``warning``, ``information`` or ``data``."""
    return _NAMES[_LEVEL_OF.get(event.get("log_level", Severity.info), 1)]


def is_journal(file: IO[str], environment: Mapping[str, str] = os.environ) -> bool:
    """Does systemd's journal read ``file`` (systemd.exec(5), ``JOURNAL_STREAM``)?"""
    try:
        status = os.fstat(file.fileno())
    except (OSError, ValueError):
        return False
    stream = f"{status.st_dev}:{status.st_ino}"
    return environment.get("JOURNAL_STREAM") == stream


def with_priority(formatter: EventFormatter) -> EventFormatter:
    """Lines that begin with their priority, which the journal takes off and keeps."""

    def formatted(event: LogEvent) -> str | None:
        text = formatter(event)
        if text is None:
            return None
        level = _LEVEL_OF.get(event.get("log_level", Severity.info), 1)
        return "".join(
            _PRIORITIES[level] + line for line in text.splitlines(keepends=True)
        )

    return formatted


def format_line(event: LogEvent) -> str | None:
    """
    The line, newline included, for ``event``: time, level, namespace, text. A failure
    that is logged adds its traceback, on lines that start with a tab.
    """
    text = formatEvent(event)
    failure = event.get("log_failure")
    if not text and failure is None:
        return None
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}…"
    time = event.get("log_time")
    when = "-"
    if time is not None:
        when = datetime.fromtimestamp(time).astimezone().isoformat("T", "milliseconds")
    namespace = escape(str(event.get("log_namespace", "-")))
    lines = [f"{when} {severity_of(event)} [{namespace}] {escape(text)}"]
    if failure is not None:
        traceback = eventAsText(
            {"log_failure": failure}, includeTimestamp=False, includeSystem=False
        )
        lines += [
            f"\t{escape(line)}"
            for line in traceback.strip("\n").split("\n")
            if line.strip()
        ]
    return "\n".join(lines) + "\n"


@implementer(ILogObserver)
class LineObserver:
    """Writes the line of each event to a file of text or bytes."""

    def __init__(
        self, file: IO[str] | LogFile, formatter: EventFormatter = format_line
    ) -> None:
        self._file = file
        self._format = formatter
        self._rotate_next = False

    def rotate(self) -> None:
        """Begin a new file with the next event; may be called in a signal handler."""
        self._rotate_next = isinstance(self._file, LogFile)

    def __call__(self, event: LogEvent) -> None:
        line = self._format(event)
        if line is None:
            return
        if self._rotate_next and isinstance(self._file, LogFile):
            self._rotate_next = False
            self._file.rotate()
        self._file.write(line)
        self._file.flush()


def make_observer(
    file: IO[str] | LogFile,
    level: LogLevel,
    formatter: EventFormatter = format_line,
) -> FilteringLogObserver:
    """The observer that writes to ``file`` what ``level`` lets through."""
    return FilteringLogObserver(LineObserver(file, formatter), [level])


def observer_for_twistd(
    options: Mapping[str, object] | None,
    level: LogLevel,
    on_signal: Callable[[int, Callable[[int, FrameType | None], None]], object] = (
        signal.signal
    ),
    formatter: EventFormatter = format_line,
) -> FilteringLogObserver | None:
    """
    The observer that twistd's own ``options`` (the ``parent`` of ours) ask for:
    standard output, or the file of ``--logfile`` (``twistd.log`` for a daemon), which
    SIGUSR1 rotates. ``None`` where twistd is to do it: ``--syslog``, ``--logger``.
    Where the journal reads standard output, it learns the priorities, too.

    :raises OSError: the file can't be written.
    """
    options = options or {"nodaemon": True}
    if options.get("syslog") or options.get("logger"):
        return None
    name = options.get("logfile")
    if name == "-" or (not name and options.get("nodaemon")):
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:  # a terminal of another encoding loses no event
            reconfigure(errors="backslashreplace")
        if is_journal(sys.stdout):
            formatter = with_priority(formatter)
        return make_observer(sys.stdout, level, formatter)
    path = str(name or "twistd.log")
    lines = LineObserver(LogFile.fromFullPath(path), formatter)
    on_signal(signal.SIGUSR1, lambda number, frame: lines.rotate())
    return FilteringLogObserver(lines, [level])


class LoggedService(MultiService):
    """
    The service of a daemon, whose Application logs through ``observer``. ``None``
    leaves logging to twistd.
    """

    def __init__(self, observer: FilteringLogObserver | None) -> None:
        super().__init__()
        self._observer = observer

    def setServiceParent(self, parent: IServiceCollection | Componentized) -> None:
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)
