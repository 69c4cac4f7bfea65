"""Our pages' own style sheets, scripts and icons, served from memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Where they are served.
ASSETS_PATH = "/cloud/assets/"

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True)
class Asset:
    """A file as it goes out; ``etag`` with its quotes."""

    content_type: str
    body: bytes
    etag: str
    #: Its name says its content: a browser need never ask again.
    is_immutable: bool = False


class Assets:
    """
    All files of one directory whose type is known, read once. Each has two names:
    its own, and one with a hash of its content, which pages link to.

    A folder ``style`` with ``.css`` files is one asset, ``style.css``: its files
    joined in the order of their names. So what is written in parts is one request.

    :param path: where they are served, ``/`` last.
    """

    def __init__(self, directory: Path, path: str = ASSETS_PATH) -> None:
        self._path = path
        self._by_name: dict[str, Asset] = {}
        self._hashed: dict[str, str] = {}
        for entry in sorted(directory.iterdir()):
            for name, body in _read(entry):
                self._add(name, body)

    def _add(self, name: str, body: bytes) -> None:
        stem, suffix = Path(name).stem, Path(name).suffix
        content_type = _CONTENT_TYPES[suffix]
        digest = hashlib.sha256(body).hexdigest()[:16]
        hashed = f"{stem}-{digest}{suffix}"
        etag = f'"{digest}"'
        self._by_name[name] = Asset(content_type, body, etag)
        self._by_name[hashed] = Asset(content_type, body, etag, is_immutable=True)
        self._hashed[name] = hashed

    def find(self, name: str) -> Asset | None:
        """The asset of this name, with a hash or without."""
        return self._by_name.get(name)

    def url(self, name: str) -> str:
        """
        The path that a page links to.

        :raises KeyError: there is no such file.
        """
        return self._path + self._hashed[name]


def _read(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of what is served for ``path``."""
    if path.is_file():
        if path.suffix in _CONTENT_TYPES:
            yield path.name, path.read_bytes()
        return
    sheets = sorted(part for part in path.glob("*.css") if part.is_file())
    if sheets and not path.suffix:
        body = b"\n".join(part.read_bytes() for part in sheets)
        yield f"{path.name}.css", body
