"""Debian's Chromium, driven by Playwright, as somebody who logs in uses it."""

from __future__ import annotations

import atexit
import os
import shutil
from itertools import product
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.browser import axe
from tests.end_to_end.case import EndToEndTestCase
from tests.tree import ROOT

#: Where pictures of pages go, for people to look at: ``PICTURES=1 make test``. Hundreds
#: of whole pages take minutes.
OUTPUT = ROOT / "test-output"
WANTED = bool(os.environ.get("PICTURES"))
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
#: Pixels that a finger needs (WCAG 2.2, 2.5.5).
TOUCH = 44
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


#: What can be pressed and is smaller than that. A box is pressed by its label, and a
#: link within a sentence is as high as its line.
_SMALL = """
(least) => [...document.querySelectorAll("a, button, input, select, summary, label")]
  .filter((each) => each.checkVisibility() && each.type !== "hidden")
  .filter((each) => each.type !== "checkbox")
  .filter((each) => each.tagName !== "LABEL" || each.control?.type === "checkbox")
  .filter((each) => !each.closest("p:not(.actions), li:not(.links li)"))
  .filter((each) => {
    const { width, height } = each.getBoundingClientRect()
    return width < least || height < least
  })
  .map((each) => each.outerHTML)
"""


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


class SharedBrowsers:
    """
    One Chromium for all tests of a run that want the same of it: to start one takes
    longer than most tests. Each page has a profile of its own, and nothing from outside
    reaches it. They end with this process.
    """

    def __init__(self) -> None:
        self._playwright: Any = None
        self._browsers: dict[tuple[str, ...], Any] = {}

    def get(self, path: str, flags: tuple[str, ...]) -> Any:
        """One with these flags; a new one if that has ended."""
        if self._playwright is None:
            from playwright.sync_api import sync_playwright

            self._playwright = sync_playwright().start()
            atexit.register(self._close)
        browser = self._browsers.get(flags)
        if browser is None or not browser.is_connected():
            browser = self._playwright.chromium.launch(
                executable_path=path, args=list(flags)
            )
            self._browsers[flags] = browser
        return browser

    def _close(self) -> None:
        for browser in self._browsers.values():
            browser.close()
        self._playwright.stop()


_shared = SharedBrowsers()


class BrowserTestCase(EndToEndTestCase):
    """Each page has a profile of its own, and nothing from outside reaches it."""

    flags: tuple[str, ...] = _FLAGS

    def setUp(self) -> None:
        super().setUp()
        self.chromium = chromium()
        self._browser = _shared.get(self.chromium, self.flags)

    def open_page(self, **options: Any) -> Any:
        """A page of a fresh profile; ``options`` as Playwright's ``new_context``."""
        context = self._browser.new_context(ignore_https_errors=True, **options)
        self.addCleanup(context.close)
        context.set_default_timeout(PATIENCE)
        return context.new_page()

    def take_pictures(self, page: Any, name: str) -> None:
        """Of the page as it is, narrow and wide, light and dark."""
        for scheme, width in product(SCHEMES, WIDTHS):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            self.take_picture(page, f"{name}-{width}-{scheme}")
            self.assert_fits(page, width)

    def inspect(self, page: Any, name: str) -> None:
        """
        A page of ours as people of all kinds meet it: pictures to look at, nothing
        that axe calls serious, nothing too small for a finger, no scrolling sideways.
        """
        for scheme, width in product(SCHEMES, WIDTHS):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            self.take_picture(page, f"{name}-{width}-{scheme}")
            self.assert_fits(page, width)
            self.assertEqual(axe.grave_findings(page), [], f"{name} {scheme} {width}")
            self.assertEqual(page.evaluate(_SMALL, TOUCH), [], f"{name} {width}")
        page.emulate_media(color_scheme="light")

    def take_picture(self, page: Any, name: str) -> None:
        """For people to look at, if they want to."""
        if not WANTED:
            return
        OUTPUT.mkdir(exist_ok=True)
        # What lies before the page covers only what one sees of it.
        is_open = page.locator("dialog:modal, dialog:target").count() > 0
        path = str(Path(OUTPUT, f"{name}.png"))
        page.screenshot(path=path, full_page=not is_open)

    def assert_fits(self, page: Any, width: int) -> None:
        """Nobody has to scroll sideways."""
        wide = page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(wide, width, page.url)
