"""One line of JSON an event, for who collects logs."""

from __future__ import annotations

import json
from datetime import datetime
from string import Formatter
from typing import Any

from twisted.logger import LogEvent, eventAsText, formatEvent

from cfos_cloud.logs import MAX_TEXT, severity_of


def format_json(event: LogEvent) -> str | None:
    """
    The line, newline included, for ``event``: ``time`` (RFC 3339), ``level``
    (``error``, ``warning``, ``information`` or ``data``), ``namespace``, ``message``;
    ``fields``, which are the values that the message was made of; and ``traceback``
    where a failure was logged. ASCII, without anything that a terminal obeys.
    """
    message = formatEvent(event)
    failure = event.get("log_failure")
    if not message and failure is None:
        return None
    time = event.get("log_time")
    record: dict[str, Any] = {
        "time": None
        if time is None
        else datetime.fromtimestamp(time).astimezone().isoformat("T", "milliseconds"),
        "level": severity_of(event),
        "namespace": str(event.get("log_namespace", "-")),
        "message": _text(message),
    }
    fields = _fields(event)
    if fields:
        record["fields"] = fields
    if failure is not None:
        traceback = eventAsText(
            {"log_failure": failure}, includeTimestamp=False, includeSystem=False
        )
        record["traceback"] = _text(traceback.strip("\n"))
    return json.dumps(record) + "\n"


def _fields(event: LogEvent) -> dict[str, object]:
    """
    Those only that the message shows: what else an event carries was never meant
    for a log.
    """
    try:
        parts = list(Formatter().parse(event.get("log_format") or ""))
    except ValueError:
        return {}
    names = {name for _, name, _, _ in parts if name and name.isidentifier()}
    return {name: _value(event[name]) for name in sorted(names) if name in event}


def _value(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return _text(str(value))


def _text(text: str) -> str:
    """Bounded, and without the lone surrogates that JSON can't say."""
    text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
