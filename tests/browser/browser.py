"""Debian's Chromium, driven by Playwright, as somebody who logs in uses it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.end_to_end.case import EndToEndTestCase
from tests.tree import ROOT

#: Where pictures of pages go, for people to look at.
OUTPUT = ROOT / "test-output"
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
#: Milliseconds after which something that should show has failed.
PATIENCE = 30_000

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # It may ask nobody but our server.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def chromium() -> str:
    """
    :raises SkipTest: there is none, or nothing to drive it with.
    """
    path = shutil.which("chromium")
    if path is None:
        raise SkipTest("chromium is not installed")
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError as error:
        raise SkipTest("playwright is not installed") from error
    return path


class BrowserTestCase(EndToEndTestCase):
    """Each test has a Chromium of its own, and nothing from outside reaches it."""

    def setUp(self) -> None:
        super().setUp()
        path = chromium()
        from playwright.sync_api import sync_playwright

        playwright = sync_playwright().start()
        self.addCleanup(playwright.stop)
        self._browser = playwright.chromium.launch(
            executable_path=path, args=list(_FLAGS)
        )
        self.addCleanup(self._browser.close)

    def open_page(self, **options: Any) -> Any:
        """A page of a fresh profile; ``options`` as Playwright's ``new_context``."""
        context = self._browser.new_context(ignore_https_errors=True, **options)
        self.addCleanup(context.close)
        context.set_default_timeout(PATIENCE)
        return context.new_page()

    def take_pictures(self, page: Any, name: str) -> None:
        """Of the page as it is, narrow and wide, light and dark."""
        OUTPUT.mkdir(exist_ok=True)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                path = Path(OUTPUT, f"{name}-{width}-{scheme}.png")
                page.screenshot(path=str(path), full_page=True)
                self.assert_fits(page, width)

    def assert_fits(self, page: Any, width: int) -> None:
        """Nobody has to scroll sideways."""
        wide = page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(wide, width, page.url)
