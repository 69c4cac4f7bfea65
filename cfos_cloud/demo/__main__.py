"""
The process of the site in ``cfos-cloud demo``: prints its address as one line, and
serves until it is told to end or its standard input closes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cfos_cloud.daemon_options import leave
from cfos_cloud.demo.directory import DirectoryInUse, directory_for
from cfos_cloud.demo.site.service import SiteOptions
from cfos_cloud.demo.site_process import run_site


def main() -> int:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m cfos_cloud.demo")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    try:
        with directory_for(arguments.directory, "site") as directory:
            return run_site(
                SiteOptions(directory, arguments.port),
                lambda address: print(address, flush=True),
                command="site",
                loglevel=3,
                ends_with_stdin=True,
            )
    except DirectoryInUse as error:
        leave("site", error)


if __name__ == "__main__":
    sys.exit(main())
