"""axe-core, run in a page: what keeps people from reading or using it."""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from typing import Any
from unittest import SkipTest

#: The package that carries axe-core; only its script is used.
PACKAGE = "axe_playwright_python"
#: What fails a test; axe has "moderate" and "minor" below.
GRAVE = ("serious", "critical")
#: All that WCAG 2.2 asks for at AA, and what axe's authors advise.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

_RUN = """
async (tags) => {
  const found = await axe.run(document, {
    runOnly: { type: "tag", values: tags },
    resultTypes: ["violations"],
  })
  return found.violations.map(({ id, impact, help, nodes }) => ({
    id, impact, help, targets: nodes.map((node) => node.target.join(" ")),
  }))
}
"""


@cache
def source() -> str:
    """
    axe-core's script.

    :raises SkipTest: it is not installed; where CI runs, that is a failure.
    """
    try:
        return (resources.files(PACKAGE) / "axe.min.js").read_text("utf-8")
    except ModuleNotFoundError as error:
        why = "axe-playwright-python is not installed: nobody looks for barriers"
        if os.environ.get("CI"):
            raise AssertionError(why) from error
        raise SkipTest(why) from error


def grave_findings(page: Any) -> list[str]:
    """What axe has against the page as it is now, a line each."""
    script = source()
    # By the debugger's way in, which no Content-Security-Policy closes.
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(script)
    return [
        f"{each['impact']}: {each['id']}, {each['help']}: {each['targets']}"
        for each in page.evaluate(_RUN, list(TAGS))
        if each["impact"] in GRAVE
    ]
