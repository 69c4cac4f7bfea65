"""
What becomes of a head at the device end.

The device sees its own address where the person's browser sees the cloud's, and the
other way round; bodies are untouched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from cfos_cloud.http.fields import (
    HOP_BY_HOP,
    WITH_CONTENT,
    request_framing,
    request_line,
)
from cfos_cloud.http.message import RequestHead, ResponseHead
from cfos_cloud.http.set_cookie import without_domain
from cfos_cloud.languages import choose


@dataclass(frozen=True)
class Mapping:
    """
    Between two origins, ``scheme://host[:port]`` each, the port left out where it is
    the scheme's own.
    """

    public: bytes
    target: bytes

    @cached_property
    def host(self) -> bytes:
        """The target's ``Host``."""
        return self.target.partition(b"://")[2]

    def to_target(self, url: bytes) -> bytes:
        """``url`` with the public origin replaced by the target's."""
        return _replace(url, self.public, self.target)

    def to_public(self, url: bytes) -> bytes:
        """``url``, absolute or without scheme, as the browser must see it."""
        replaced = _replace(url, self.target, self.public)
        if replaced is url:
            # Some devices spell out the port that nobody need say.
            replaced = _replace(url, self.target + b":80", self.public)
        if replaced is url and url.startswith(b"//"):
            _, _, host = self.public.partition(b"://")
            return _replace(url, b"//" + self.host, b"//" + host)
        return replaced


def _replace(url: bytes, old: bytes, new: bytes) -> bytes:
    size = len(old)
    if url[:size].lower() != old.lower():
        return url
    rest = url[size:]
    # ``http://10.0.0.1`` is no part of ``http://10.0.0.12`` or ``http://10.0.0.1:8080``.
    return new + rest if rest[:1] in (b"", b"/", b"?", b"#") else url


@dataclass(frozen=True)
class OwnFields:
    """
    What the device end says for itself: ``lines`` by lower-case name. Where the
    request has such a field its own stays, unless ``replace``.
    """

    lines: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    replace: bool


def request_to_target(
    head: RequestHead,
    mapping: Mapping,
    user: str,
    role: str,
    own: OwnFields | None = None,
) -> bytes:
    """The head for the target, with the ``Cfos-*`` fields that only we may say."""
    return request_line(head) + fields_to_target(head, mapping, user, role, own)


def fields_to_target(
    head: RequestHead,
    mapping: Mapping,
    user: str,
    role: str,
    own: OwnFields | None = None,
) -> bytes:
    """The same without its first line."""
    nominated = head.nominated
    ours = {} if own is None else dict(own.lines)
    language = b""
    out = [b"Host: ", mapping.host, b"\r\n"]
    for lower, name, value in head.fields:
        if (
            lower in HOP_BY_HOP
            or (nominated and lower in nominated)
            or lower == b"host"
            or lower.startswith(b"cfos-")
        ):
            continue
        if ours and lower in ours:
            if own is not None and own.replace:
                continue
            del ours[lower]
        if lower == b"origin" or lower == b"referer":
            value = mapping.to_target(value)
        elif lower == b"accept-language":
            language = value
        out += (name, b": ", value, b"\r\n")
    out.append(_our_lines(mapping.public, language, user, role))
    out += ours.values()
    if head.upgrade is not None:
        out += (b"Connection: Upgrade\r\nUpgrade: ", head.upgrade, b"\r\n")
    else:
        out.append(request_framing(head.length, head.method in WITH_CONTENT))
    out.append(b"\r\n")
    return b"".join(out)


@lru_cache(maxsize=256)
def _our_lines(public: bytes, accept_language: bytes, user: str, role: str) -> bytes:
    language = choose(accept_language.decode("latin-1"))
    return (
        b"Cfos-Cloud: %b/ui/%b/cloud-login.htm\r\nCfos-User: %b\r\nCfos-Role: %b\r\n"
        % (public, language.encode(), _printable(user), role.encode())
    )


def _printable(text: str) -> bytes:
    """``text`` as a field value; what isn't visible ASCII is percent-encoded."""
    return b"".join(
        bytes((octet,)) if 0x20 < octet < 0x7F and octet != 0x25 else b"%%%02X" % octet
        for octet in text.encode("utf-8")
    )


def response_fields(head: ResponseHead, mapping: Mapping) -> bytes:
    """The field lines for the server, of a 101 with its ``Upgrade``."""
    nominated = head.nominated
    out: list[bytes] = []
    for lower, name, value in head.fields:
        if (
            lower in HOP_BY_HOP
            or (nominated and lower in nominated)
            or lower.startswith(b"cfos-")
        ):
            if lower == b"upgrade" and head.status == 101:
                out += (b"Connection: Upgrade\r\nUpgrade: ", value, b"\r\n")
            continue
        if lower == b"location" or lower == b"content-location":
            value = mapping.to_public(value)
        elif lower == b"refresh":
            value = _refresh(value, mapping)
        elif lower == b"set-cookie":
            value = without_domain(value)
        out += (name, b": ", value, b"\r\n")
    return b"".join(out)


def _refresh(value: bytes, mapping: Mapping) -> bytes:
    """``5; url=http://…``: seconds, then a URL, quoted or not."""
    before, equals, url = value.partition(b"=")
    if not equals or before.rstrip().lower()[-3:] != b"url":
        return value
    stripped = url.strip(b" \t")
    quote = stripped[:1] if stripped[:1] in (b"'", b'"') else b""
    bare = stripped[1:] if quote else stripped
    if quote and bare.endswith(quote):
        bare = bare[:-1]
        return before + b"=" + quote + mapping.to_public(bare) + quote
    return before + b"=" + quote + mapping.to_public(bare)
