"""sslyze, which says whether a server's TLS is by Mozilla's profile."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

#: What ``scripts/make-sslyze`` makes beside the Python that runs the tests.
SSLYZE = Path(sys.prefix, "sslyze", "bin", "sslyze")
#: Seconds; it takes two.
PATIENCE = 120
_VERDICT = re.compile(r"^ +\S+: (OK - Compliant|FAILED - Not compliant)\.$", re.M)
_FINDING = re.compile(r"^ +\* (\w+): (.+)$", re.M)


def require_sslyze() -> None:
    """
    :raises SkipTest: it is not installed.
    :raises AssertionError: nor is it where that must not go unnoticed.
    """
    if SSLYZE.exists():
        return
    if os.environ.get("CI"):
        raise AssertionError(f"there is no {SSLYZE}: see scripts/make-sslyze")
    raise SkipTest("sslyze is not installed: make test installs it")


def intermediate_findings(
    port: int, name: str, authority: Path | None = None
) -> dict[str, str]:
    """
    What is not by Mozilla's "intermediate" profile at ``port`` of loopback: the names
    of its points, with what sslyze says of each.

    :param name: what to ask for (SNI).
    :param authority: PEM of a CA to trust.
    """
    trust = [] if authority is None else [f"--certinfo_ca_file={authority}"]
    done = subprocess.run(
        [
            str(SSLYZE),
            "--mozilla_config=intermediate",
            f"--sni={name}",
            *trust,
            f"127.0.0.1:{port}",
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    verdict = _VERDICT.search(done.stdout)
    assert verdict is not None, done.stdout + done.stderr
    found = dict(_FINDING.findall(done.stdout[verdict.end() :]))
    # Whatever it is called: not compliant without a finding would be an error here.
    assert bool(found) == (verdict[1] != "OK - Compliant"), done.stdout
    return found
