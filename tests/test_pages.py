"""Templates, translations and assets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from types import MappingProxyType

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.assets import ASSETS_PATH, Assets
from cfos_cloud.gateway import error_texts
from cfos_cloud.languages import DEFAULT, SUPPORTED
from cfos_cloud.pages import Pages, duration, moment
from cfos_cloud.site_info import SiteInfo
from cfos_cloud.ui import ui_directory

MessageID = str | tuple[str, ...]


def messages() -> Iterator[MessageID]:
    """All that there is to be translated."""
    for template in sorted((ui_directory() / "templates").rglob("*.html")):
        for _, message, *_ in extract_from_file("jinja2", template):
            yield message
    for _, message, *_ in extract_from_file("python", error_texts.__file__):
        yield message


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\([a-z_]+\)s", text))


def texts(entry: Message) -> list[str]:
    """The translation, or those for each number; one empty text if there is none."""
    string = entry.string or ""
    return [string] if isinstance(string, str) else list(string)


def translation(language: str) -> dict[str, Message]:
    path = ui_directory() / "translations" / language / "LC_MESSAGES/cfos_cloud.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    found = {}
    for message in catalogue:
        if message.id:
            first = message.id if isinstance(message.id, str) else message.id[0]
            found[first] = message
    return found


class TranslationTests(SynchronousTestCase):
    languages = tuple(each for each in SUPPORTED if each != DEFAULT)

    def test_there_is_something_to_translate(self) -> None:
        self.assertGreater(len(list(messages())), 40)

    def test_every_message_is_translated_into_every_language(self) -> None:
        for language in self.languages:
            known = translation(language)
            for message in messages():
                first = message if isinstance(message, str) else message[0]
                self.assertIn(first, known, language)
                entry = known[first]
                self.assertTrue(all(texts(entry)), f"{language}: {first}")
                self.assertFalse(entry.fuzzy, f"{language}: {first}")

    def test_translations_keep_the_placeholders(self) -> None:
        for language in self.languages:
            for first, entry in translation(language).items():
                for text in texts(entry):
                    self.assertEqual(placeholders(text), placeholders(first), text)

    def test_no_translation_is_of_a_message_that_is_gone(self) -> None:
        wanted = {each if isinstance(each, str) else each[0] for each in messages()}
        for language in self.languages:
            self.assertEqual(set(translation(language)) - wanted, set(), language)


class Checker(HTMLParser):
    """Collects what a page must not have, and tags that are not closed."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})
    #: Closed by themselves: parts of our icons.
    SHAPES = frozenset({"path", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.ids: list[str] = []
        #: The ids that others name: labels, descriptions.
        self.named: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script" and not (dict(attrs).get("src") or "").startswith(
            ASSETS_PATH
        ):
            self.problems.append("a script that is no asset")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.problems.append(f"{tag} {name}")
            if name == "id" and value:
                self.ids.append(value)
            if name in _REFERENCES:
                self.named.update((value or "").split())

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.problems.append("an inline script")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}>")


_REFERENCES = {"for", "aria-describedby", "aria-labelledby", "aria-controls"}


def check(case: SynchronousTestCase, page: str) -> Checker:
    """Well-formed, nothing inline, no id twice, none named that isn't there."""
    checker = Checker()
    checker.feed(page)
    case.assertEqual((checker.problems, checker.open), ([], []))
    case.assertEqual(len(checker.ids), len(set(checker.ids)))
    case.assertEqual(checker.named - set(checker.ids), set())
    return checker


class PagesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pages = Pages(ui_directory())

    values: Mapping[str, object] = MappingProxyType(
        {
            "path": "cloud-login.htm",
            "query": "",
            "problem": None,
            "wait": 0,
            "csrf": "token",
            "system_name": None,
            "cloud_id": None,
            "as_admin": False,
            "takes_keys": True,
            "manages_keys": False,
            "shared_origin": True,
            "end_to_end": False,
            "own_hosts": None,
        }
    )

    def login(self, language: str, **changes: object) -> str:
        values = {**self.values, **changes}
        return self.pages.render("login.html", language, values).decode()

    def test_pages_are_well_formed_in_every_language_and_state(self) -> None:
        for language, problem, name, csrf, takes_keys in product(
            SUPPORTED,
            (None, "failed", "throttled", "stale"),
            (None, "A & <b>B</b>"),
            (None, "token"),
            (False, True),
        ):
            page = self.login(
                language,
                problem=problem,
                system_name=name,
                csrf=csrf,
                takes_keys=takes_keys,
            )
            check(self, page)
            self.assertEqual(page.count("<h1"), 1)

    def test_a_page_of_the_device_s_own_says_who_sees_what_and_fixes_the_id(
        self,
    ) -> None:
        for language in SUPPORTED:
            page = self.login(language, end_to_end=True, cloud_id="W00-008J")
            check(self, page)
            self.assertRegex(page, r'name="cloud_id"[^>]* readonly')
        page = self.login("en", end_to_end=True, cloud_id="W00-008J")
        self.assertIn("compare the fingerprint", page)
        self.assertNotIn("can see everything", page)
        self.assertNotIn("readonly", self.login("en"))

    def test_what_went_wrong_is_said_once(self) -> None:
        for problem, words in (
            ("failed", "That log-in did not work"),
            ("throttled", "one try too many"),
            ("stale", "had become too old"),
        ):
            for name, csrf in product((None, "Carport"), (None, "token")):
                page = self.login("en", problem=problem, system_name=name, csrf=csrf)
                self.assertEqual(page.count(words), 1)

    def test_it_is_said_beside_the_field_that_it_describes(self) -> None:
        page = self.login("en", problem="failed")
        self.assertRegex(
            page, r'name="cloud_user_id"[^>]* aria-describedby="cloud_user_id-problem"'
        )
        self.assertIn('aria-invalid="true"', page)
        self.assertNotIn("aria-invalid", self.login("en"))

    def test_who_fails_is_told_of_devices_that_take_no_log_in_here(self) -> None:
        address = "https://CLOUD-ID.cloud.example.org:4443"
        for problem in (None, "failed", "throttled", "stale"):
            page = self.login("en", problem=problem, own_hosts="cloud.example.org:4443")
            check(self, page)
            self.assertEqual(address in page, problem == "failed")
        self.assertNotIn("CLOUD-ID", self.login("en", problem="failed"))

    def test_who_may_make_access_keys_finds_the_way_to_them(self) -> None:
        keys = 'href="/ui/en/cloud-keys.htm"'
        for may in (True, False):
            page = self.login("en", system_name="Carport", manages_keys=may)
            self.assertEqual(page.count(keys), int(may))

    def test_the_last_log_in_is_filled_in(self) -> None:
        page = self.login("en", cloud_id='W00-"8', as_admin=True)
        self.assertIn('value="W00-&#34;8"', page)
        self.assertRegex(page, r'name="admin"[^>]* checked>')

    def test_the_operator_s_name_and_links_are_on_every_page(self) -> None:
        info = SiteInfo("Stadtwerke <A>", "https://a.example/i?x=1&y=2", None)
        pages = Pages(ui_directory(), lambda: info)
        page = pages.render("login.html", "de", self.values).decode()
        check(self, page)
        self.assertIn("Stadtwerke &lt;A&gt;</span>", page)
        self.assertIn("· Stadtwerke &lt;A&gt;</title>", page)
        self.assertIn("Stadtwerke &lt;A&gt; betreibt diesen Server", page)
        self.assertIn('<a href="https://a.example/i?x=1&amp;y=2">Impressum</a>', page)
        self.assertNotIn("Datenschutz", page)

    def test_without_them_there_is_the_product_s_name_and_no_empty_link(self) -> None:
        page = self.login("en")
        self.assertIn("· cfos-cloud</title>", page)
        self.assertNotIn("Imprint", page)

    def test_a_change_of_them_shows_at_once(self) -> None:
        now = [SiteInfo("Before")]
        pages = Pages(ui_directory(), lambda: now[0])
        self.assertIn(b"Before", pages.render("login.html", "en", self.values))
        now[0] = SiteInfo("After")
        self.assertIn(b"After", pages.render("login.html", "en", self.values))

    def test_names_are_escaped(self) -> None:
        page = self.login("de", system_name="<script>alert(1)</script>%s%(x)s")
        self.assertNotIn("<script>", page)
        self.assertIn("%s%(x)s", page)

    def test_numbers_have_their_plural(self) -> None:
        one = self.login("de", problem="throttled", wait=1)
        many = self.login("de", problem="throttled", wait=5)
        self.assertIn("1 Sekunde und", one)
        self.assertIn("5 Sekunden und", many)

    def test_an_unsupported_language_gives_the_default_one(self) -> None:
        self.assertEqual(self.login("xx"), self.login(DEFAULT))

    def test_a_missing_value_is_an_error_not_a_gap(self) -> None:
        with self.assertRaises(Exception):  # noqa: B017
            self.pages.render("login.html", "en", {})

    def test_the_notice_on_the_operator_is_on_every_log_in_page(self) -> None:
        self.assertIn("can see everything", self.login("en"))
        self.assertIn("kann alles sehen", self.login("de"))
        self.assertIn("pode ver tudo", self.login("pt"))

    def test_a_damaged_translation_stops_the_start(self) -> None:
        directory = Path(self.mktemp())
        for name in ("assets", "templates", "translations/de/LC_MESSAGES"):
            (directory / name).mkdir(parents=True)
        self.assertRaises(OSError, Pages, directory)


class TimeTests(SynchronousTestCase):
    when = datetime(2026, 11, 4, 14, 5, 59, tzinfo=UTC)

    def test_times_are_said_in_the_language_and_in_utc(self) -> None:
        self.assertEqual(moment(self.when, "en"), "4 Nov 2026, 14:05 UTC")
        self.assertEqual(moment(self.when, "de"), "04.11.2026, 14:05 UTC")
        self.assertEqual(moment(self.when, "pt"), "04/11/2026, 14:05 UTC")

    def test_so_are_spans_and_none_is_negative(self) -> None:
        self.assertEqual(duration(timedelta(minutes=12), "de"), "12 Minuten")
        self.assertEqual(duration(timedelta(days=3), "en"), "3 days")
        self.assertEqual(duration(timedelta(hours=-2), "en"), "1 second")


class AssetsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        (self.directory / "a.css").write_text("a {}")
        (self.directory / "notes.txt").write_text("not served")
        (self.directory / "folder.css").mkdir()

    def test_the_name_with_the_hash_is_immutable(self) -> None:
        assets = Assets(self.directory)
        asset = assets.find(assets.url("a.css").rpartition("/")[2])
        assert asset is not None
        self.assertTrue(asset.is_immutable)
        self.assertEqual(asset.body, b"a {}")

    def test_other_content_has_another_name(self) -> None:
        before = Assets(self.directory).url("a.css")
        (self.directory / "a.css").write_text("b {}")
        self.assertNotEqual(Assets(self.directory).url("a.css"), before)

    def test_a_folder_of_sheets_is_one_sheet_in_the_order_of_their_names(self) -> None:
        folder = self.directory / "style"
        folder.mkdir()
        for name in ("2-base.css", "1-tokens.css", "notes.md"):
            (folder / name).write_text(name)
        asset = Assets(self.directory).find("style.css")
        assert asset is not None
        self.assertEqual(asset.body, b"1-tokens.css\n2-base.css")
        self.assertEqual(asset.content_type, "text/css; charset=utf-8")

    def test_only_known_types_are_served(self) -> None:
        assets = Assets(self.directory)
        self.assertIsNone(assets.find("notes.txt"))
        self.assertIsNone(assets.find("folder.css"))
        self.assertIsNone(assets.find("folder.css.css"))
        self.assertRaises(KeyError, assets.url, "notes.txt")


class StyleTests(SynchronousTestCase):
    """The tokens' colours can be read by everybody (WCAG 2.2, 1.4.3)."""

    def test_text_has_enough_contrast_in_both_schemes(self) -> None:
        for tokens in self.schemes():
            for text, ground, least in (
                ("text", "surface", 12),
                ("text", "ground", 12),
                ("text", "accent-ground", 7),
                ("text", "good-ground", 7),
                ("quiet", "ground", 7),
                ("quiet", "surface", 7),
                ("accent", "ground", 4.5),
                ("accent", "surface", 4.5),
                ("accent", "accent-ground", 4.5),
                ("on-accent", "accent", 4.5),
                ("on-accent", "accent-strong", 4.5),
                ("good", "good-ground", 4.5),
                ("good", "surface", 4.5),
                ("warn", "warn-ground", 4.5),
                ("warn", "surface", 4.5),
                ("bad", "bad-ground", 4.5),
                ("bad", "surface", 4.5),
                ("line", "surface", 3),
                ("focus", "surface", 3),
                ("focus", "ground", 3),
            ):
                ratio = contrast(tokens[text], tokens[ground])
                self.assertGreaterEqual(ratio, least, f"{text} on {ground}")

    def schemes(self) -> list[dict[str, str]]:
        """The colours of the tokens, light and dark."""
        sheet = (STYLE / "1-tokens.css").read_text()
        light, dark = (
            dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part))
            for part in sheet.split("prefers-color-scheme: dark", 1)
        )
        return [light, {**light, **dark}]

    def test_a_browser_s_own_bars_have_the_ground_s_colour(self) -> None:
        base = (ui_directory() / "templates" / "base.html").read_text()
        light, dark = (scheme["ground"] for scheme in self.schemes())
        self.assertIn(f'content="{light}" media="(prefers-color-scheme: light)"', base)
        self.assertIn(f'content="{dark}" media="(prefers-color-scheme: dark)"', base)

    def test_only_the_tokens_name_colours(self) -> None:
        for part in sorted(STYLE.glob("*.css"))[1:]:
            found = re.findall(r"#[0-9a-f]{3,8}\b(?=[;\s,)])|rgba?\(", part.read_text())
            self.assertEqual(found, [], part.name)

    def test_every_token_that_is_used_exists_and_every_one_is_used(self) -> None:
        tokens = (STYLE / "1-tokens.css").read_text()
        known = set(re.findall(r"(--[a-z0-9-]+):", tokens))
        parts = [part.read_text() for part in sorted(STYLE.glob("*.css"))]
        used = {
            name for text in parts for name in re.findall(r"var\((--[a-z0-9-]+)", text)
        }
        own = {name for text in parts for name in re.findall(r"(--[a-z0-9-]+):", text)}
        self.assertEqual(used - own, set())
        self.assertEqual(known - used, set())


STYLE = ui_directory() / "assets" / "style"


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
