"""Our HTML pages: templates, their translations, and the fields all of them carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel.dates import format_date, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cfos_cloud.assets import Assets
from cfos_cloud.languages import DEFAULT, NAMES, SUPPORTED
from cfos_cloud.safe_fields import COMMON_FIELDS, SHOWN_FIELDS
from cfos_cloud.site_info import SiteInfo

HTML = b"text/html; charset=utf-8"


def page_fields(
    *, connects: bool, forms_to: bytes = b""
) -> tuple[tuple[bytes, bytes], ...]:
    """
    Fields of an HTML page of ours.

    :param connects: whether its script asks this server for something.
    :param forms_to: where else the answer to its forms may lead, as a source of a
        ``Content-Security-Policy``.
    """
    forms = b"form-action 'self' " + forms_to if forms_to else b"form-action 'self'"
    policy = (
        b"default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; ",
        b"connect-src 'self'; " if connects else b"",
        forms + b"; frame-ancestors 'none'; base-uri 'none'",
    )
    return (
        *COMMON_FIELDS,
        (b"Content-Security-Policy", b"".join(policy)),
        *SHOWN_FIELDS,
        (b"Cache-Control", b"no-store"),
    )


#: Fields of every HTML page of ours.
PAGE_FIELDS = page_fields(connects=False)
#: Of a page whose script asks this server for something.
LIVE_PAGE_FIELDS = page_fields(connects=True)

#: What Babel calls our languages where it matters.
LOCALES = {"en": "en_GB", "de": "de_DE", "pt": "pt_PT"}
_DOMAIN = "cfos_cloud"


class Pages:
    """
    Renders the templates in ``directory``/templates. Translations are compiled from
    their .po files here, so that none can be older than its source.

    :param site: asked at each page for what the operator says of themselves.
    :raises OSError: a directory or a translation is missing.
    """

    def __init__(
        self, directory: Path, site: Callable[[], SiteInfo] = SiteInfo
    ) -> None:
        self.assets = Assets(directory / "assets")
        loader = FileSystemLoader(directory / "templates")
        self._environments = {}
        for language in SUPPORTED:
            translations = load_translations(directory / "translations", language)
            environment = make_environment(loader, translations)
            environment.globals.update(
                asset=self.assets.url, language=language, languages=NAMES, site=site
            )
            self._environments[language] = environment

    def render(
        self, template: str, language: str, values: Mapping[str, object]
    ) -> bytes:
        """The page; a ``language`` that isn't supported gives the default one."""
        environment = self._environments.get(language, self._environments[DEFAULT])
        return environment.get_template(template).render(values).encode("utf-8")


def make_environment(
    loader: FileSystemLoader, translations: NullTranslations
) -> Environment:
    """For templates of one language; a name that is missing is an error."""
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        translations, newstyle=True
    )
    return environment


def load_translations(
    directory: Path, language: str, domain: str = _DOMAIN
) -> NullTranslations:
    """
    The translations in ``directory``, compiled; none for the language of the source.

    :param domain: the name of the .po file.
    :raises OSError: there is no such file.
    """
    if language == DEFAULT:
        return NullTranslations()
    path = directory / language / "LC_MESSAGES" / f"{domain}.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=domain)


def moment(when: datetime, language: str) -> str:
    """A time for people, to the minute and in UTC: a page can't know their zone."""
    utc, locale = when.astimezone(UTC), LOCALES[language]
    date = format_date(utc, "medium", locale=locale)
    return f"{date}, {format_time(utc, 'short', locale=locale)} UTC"


def duration(span: timedelta, language: str) -> str:
    """A span of time for people: ``12 minutes``, ``3 Tage``."""
    span = max(span, timedelta(seconds=1))
    return format_timedelta(span, locale=LOCALES[language], threshold=1.5)
