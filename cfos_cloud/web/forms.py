"""What our HTML forms send (``application/x-www-form-urlencoded``)."""

from __future__ import annotations

from typing import BinaryIO, cast
from urllib.parse import parse_qsl

from twisted.web.iweb import IRequest

from cfos_cloud.web.answers import field

#: Bytes of a body of ours.
MAX_BODY = 64 * 1024
#: No form of ours has as many fields.
MAX_FIELDS = 50


class BadForm(Exception):
    """The body is no form that a page of ours could have sent."""


def read_form(request: IRequest) -> dict[str, str]:
    """
    The fields of a form. What the address carries after ``?`` is not looked at:
    secrets have no place there.

    :raises BadForm: another content type, over 64 KiB, over 50 fields, not UTF-8, or
        a name that comes twice.
    """
    content_type = field(request, b"content-type") or b""
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type != b"application/x-www-form-urlencoded":
        raise BadForm("not form-encoded")
    content = cast(BinaryIO, request.content)
    content.seek(0)
    body = content.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise BadForm("too large")
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise BadForm("not readable") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadForm("a field comes twice")
    return fields
