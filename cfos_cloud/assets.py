"""Our pages' own style sheets, scripts and icons, served from memory."""

from __future__ import annotations

import hashlib
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
    """

    def __init__(self, directory: Path) -> None:
        self._by_name: dict[str, Asset] = {}
        self._hashed: dict[str, str] = {}
        for path in sorted(directory.iterdir()):
            content_type = _CONTENT_TYPES.get(path.suffix)
            if content_type is None or not path.is_file():
                continue
            body = path.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:16]
            hashed = f"{path.stem}-{digest}{path.suffix}"
            etag = f'"{digest}"'
            self._by_name[path.name] = Asset(content_type, body, etag)
            self._by_name[hashed] = Asset(content_type, body, etag, is_immutable=True)
            self._hashed[path.name] = hashed

    def find(self, name: str) -> Asset | None:
        """The asset of this name, with a hash or without."""
        return self._by_name.get(name)

    def url(self, name: str) -> str:
        """
        The path that a page links to.

        :raises KeyError: there is no such file.
        """
        return ASSETS_PATH + self._hashed[name]
