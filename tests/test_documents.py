"""Every link between our documents leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.tree import ROOT

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.M | re.S)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.M)
_ELSEWHERE = ("http://", "https://", "mailto:")


def prose(text: str) -> str:
    """``text`` without its code blocks."""
    return _FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """The anchors that a page shows for its headings."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def broken_links(path: Path) -> list[str]:
    """Relative links of the document at ``path`` that lead nowhere."""
    broken = []
    for link in ("".join(found) for found in _LINK.findall(prose(path.read_text()))):
        if link.startswith(_ELSEWHERE):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (
            anchor
            and target.suffix == ".md"
            and anchor not in anchors(target.read_text())
        ):
            broken.append(f"{path.name}: {link}")
    return broken


class DocumentTests(SynchronousTestCase):
    def documents(self) -> list[Path]:
        found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        self.assertTrue(found)
        return sorted(found)

    def test_every_relative_link_leads_to_a_file_and_a_heading(self) -> None:
        broken = [link for path in self.documents() for link in broken_links(path)]
        self.assertEqual(broken, [])

    def test_every_document_can_be_reached_from_the_readme(self) -> None:
        seen: set[Path] = set()
        waiting = [ROOT / "README.md"]
        while waiting:
            path = waiting.pop()
            if path in seen or path.suffix != ".md" or not path.exists():
                continue
            seen.add(path)
            for found in _LINK.findall(prose(path.read_text())):
                link = "".join(found).partition("#")[0]
                if link and not link.startswith(_ELSEWHERE):
                    waiting.append((path.parent / link).resolve())
        self.assertEqual([p.name for p in self.documents() if p not in seen], [])

    def test_a_link_to_nowhere_is_seen(self) -> None:
        path = Path(self.mktemp()).with_suffix(".md")
        path.write_text(
            "# One two\n[a](#one-two) [b](#three) [c](gone.md) [d](https://example.org)\n"
            "```\n[not](a-link.md)\n```\n"
        )
        found = [link.partition(": ")[2] for link in broken_links(path)]
        self.assertEqual(found, ["#three", "gone.md"])
