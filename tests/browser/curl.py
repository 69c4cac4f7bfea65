"""Lines for curl, as people take them from a page to their shell."""

from __future__ import annotations

import shlex
import subprocess


def try_it(line: str, *more: str) -> tuple[int, str]:
    """
    Status and body by a line as it stands on a page. The status is 0 where curl does
    not trust whom it reaches.

    :param more: what the page says that one has to add.
    """
    words = shlex.split(line)
    assert words[0] == "curl", line
    done = subprocess.run(
        [*words, *more, "--silent", "--write-out", "\n%{http_code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body
