"""
Bytes in, events out: llhttp (``httptools``) under our rules.

A parser never raises: what the peer does wrong is a last event
:class:`~cfos_cloud.http.message.BadMessage`, after the events that came before it.
"""

from __future__ import annotations

from cfos_cloud.http.head_reader import DEFAULT_LIMITS, HeadLimits
from cfos_cloud.http.request_parser import RequestParser
from cfos_cloud.http.response_parser import ResponseParser

__all__ = ["DEFAULT_LIMITS", "HeadLimits", "RequestParser", "ResponseParser"]
