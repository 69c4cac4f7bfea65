"""Renders the site's pages from ``ui/site``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from babel.dates import format_time
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader

from cfos_cloud.assets import Assets
from cfos_cloud.demo.site.model.charging_sessions import rfc3339
from cfos_cloud.languages import NAMES, SUPPORTED
from cfos_cloud.pages import LOCALES, load_translations, make_environment, moment
from cfos_cloud.safe_fields import COMMON_FIELDS

ASSETS_PATH = "/ui/assets/"
#: The file of translations: "session" is another word here than at the cloud.
DOMAIN = "charging_site"
#: Where there is nothing to be said.
NOTHING = "–"

#: Scripts and styles are the site's own files, and none is in a page.
PAGE_FIELDS: tuple[tuple[bytes, bytes], ...] = (
    *COMMON_FIELDS,
    (
        b"Content-Security-Policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; "
        b"form-action 'self'; frame-ancestors 'none'",
    ),
    (b"Referrer-Policy", b"same-origin"),
    (b"Vary", b"Accept-Language"),
)


class SitePages:
    """
    Templates in ``directory``/site/templates, assets beside them, translations
    beside those of the cloud's pages.

    :raises OSError: a directory or a translation is missing.
    """

    def __init__(self, directory: Path) -> None:
        self.assets = Assets(directory / "site" / "assets", ASSETS_PATH)
        loader = FileSystemLoader(directory / "site" / "templates")
        self._environments = {
            language: self._environment(directory, loader, language)
            for language in SUPPORTED
        }

    def render(
        self, template: str, language: str, values: Mapping[str, object]
    ) -> bytes:
        """The page, in one of our languages."""
        page = self._environments[language].get_template(template)
        return page.render(values).encode("utf-8")

    def _environment(
        self, directory: Path, loader: FileSystemLoader, language: str
    ) -> Environment:
        translations = load_translations(directory / "translations", language, DOMAIN)
        environment = make_environment(loader, translations)
        environment.globals.update(
            asset=self.assets.url, language=language, languages=NAMES
        )
        environment.filters.update(_filters(language))
        return environment


def _filters(language: str) -> dict[str, Callable[..., str]]:
    locale = LOCALES[language]

    def decimal(value: float | None, digits: int = 0) -> str:
        if value is None:
            return NOTHING
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        # Nobody wants to read "-0.00".
        shown = 0 if abs(value) < 0.5 * 10**-digits else value
        return format_decimal(shown, format=pattern, locale=locale)

    def full(iso: str | None) -> str:
        return NOTHING if iso is None else moment(_parse(iso), language)

    def clock(iso: str | None) -> str:
        if iso is None:
            return NOTHING
        return format_time(_parse(iso), "short", locale=locale)

    return {"decimal": decimal, "moment": full, "clock": clock, "later": later}


def later(iso: str, seconds: float) -> str:
    """The moment so many seconds after another, both as JSON has them."""
    return rfc3339((_parse(iso) + timedelta(seconds=seconds)).timestamp())


def _parse(iso: str) -> datetime:
    return datetime.fromisoformat(iso).astimezone(UTC)
