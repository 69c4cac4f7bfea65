"""The words of the charging site's pages, in every language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.languages import DEFAULT, SUPPORTED
from cfos_cloud.ui import ui_directory

SITE = ui_directory() / "site"
LANGUAGES = tuple(each for each in SUPPORTED if each != DEFAULT)
#: Where the scripts name a word of the page.
_USES = re.compile(r'\b(?:word|isKnown)\(\s*"([a-z0-9-]+)"')
_MADE = re.compile(r'(?:data-word="|word_span\(")([a-z0-9-]+)"')
_SCRIPT = re.compile(r"set script = \{(.*?)\} %\}", re.DOTALL)


def messages() -> Iterator[str]:
    """All that there is to be translated."""
    for template in sorted((SITE / "templates").glob("*.html")):
        for _, message, *_ in extract_from_file("jinja2", template):
            assert isinstance(message, str), message  # there are no plurals
            yield message


def translation(language: str) -> dict[str, Message]:
    path = ui_directory() / "translations" / language / "LC_MESSAGES"
    with (path / "charging_site.po").open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    return {str(message.id): message for message in catalogue if message.id}


def placeholders(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\([a-z_]+\)s", text))


class SiteWordsTests(SynchronousTestCase):
    def test_there_is_something_to_translate(self) -> None:
        self.assertGreater(len(set(messages())), 150)

    def test_every_message_is_translated_into_every_language(self) -> None:
        for language in LANGUAGES:
            known = translation(language)
            for message in messages():
                self.assertIn(message, known, language)
                self.assertTrue(known[message].string, f"{language}: {message}")
                self.assertFalse(known[message].fuzzy, f"{language}: {message}")

    def test_translations_keep_the_placeholders(self) -> None:
        for language in LANGUAGES:
            for message, entry in translation(language).items():
                self.assertEqual(placeholders(str(entry.string)), placeholders(message))

    def test_no_translation_is_of_a_message_that_is_gone(self) -> None:
        wanted = set(messages())
        for language in LANGUAGES:
            self.assertEqual(set(translation(language)) - wanted, set(), language)

    def test_a_script_uses_no_word_that_no_page_has(self) -> None:
        templates = "".join(
            path.read_text() for path in (SITE / "templates").glob("*.html")
        )
        made = set(_MADE.findall(templates))
        for block in _SCRIPT.findall(templates):
            made |= set(re.findall(r'^"([a-z0-9-]+)":', block, re.MULTILINE))
        used = {
            name
            for path in (SITE / "assets").glob("*.js")
            for name in _USES.findall(path.read_text())
        }
        self.assertGreater(len(used), 20)
        self.assertEqual(used - made, set())


class ScriptTests(SynchronousTestCase):
    """What the strict policy of the pages asks of their parts."""

    def test_templates_have_no_inline_scripts_or_styles(self) -> None:
        for path in (SITE / "templates").glob("*.html"):
            text = path.read_text()
            self.assertNotRegex(text, r"\sstyle=|\son[a-z]+=|javascript:", path.name)
            for tag in re.findall(r"<script[^>]*>", text):
                self.assertIn("src=", tag, path.name)

    def test_imports_are_of_files_that_are_there(self) -> None:
        for path in (SITE / "assets").glob("*.js"):
            for name in re.findall(r'from "\./([a-z_]+\.js)"', path.read_text()):
                self.assertTrue((path.parent / name).is_file(), f"{path.name}: {name}")

    def test_every_icon_that_is_named_is_drawn(self) -> None:
        drawn = set(
            re.findall(
                r'<symbol id="([a-z]+)"',
                (SITE / "assets" / "site-icons.svg").read_text(),
            )
        )
        templates = "".join(
            path.read_text() for path in (SITE / "templates").glob("*.html")
        )
        named = set(re.findall(r'icon\("([a-z]+)"\)', templates))
        named |= set(re.findall(r'icon\("([a-z]+)" if ', templates))
        for block in re.findall(r"_icons = \{(.*?)\}", templates, re.DOTALL):
            named |= set(re.findall(r': "([a-z]+)"', block))
        self.assertGreater(len(named), 15)
        self.assertEqual(named - drawn, set())


class StyleTests(SynchronousTestCase):
    def test_every_token_that_is_used_is_made_and_the_other_way_round(self) -> None:
        sheets = "".join(
            path.read_text() for path in (SITE / "assets" / "style").glob("*.css")
        )
        used = set(re.findall(r"var\(--([a-z0-9-]+)", sheets))
        made = set(re.findall(r"--([a-z0-9-]+):", sheets))
        self.assertGreater(len(made), 20)
        self.assertEqual(used ^ made, set())
