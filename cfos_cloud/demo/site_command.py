"""``cfos-cloud demo-site``: the simulated charging site alone."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cfos_cloud.demo.directory import directory_for
from cfos_cloud.demo.errors import EXPECTED, line_of
from cfos_cloud.demo.ports import port_number
from cfos_cloud.demo.site.accounts import password_problem
from cfos_cloud.demo.site_directory import USER, SiteDirectory
from cfos_cloud.logs import LEVELS
from cfos_cloud.secret_files import read_secret

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

COMMAND = "cfos-cloud demo-site"
DEFAULT_PORT = 8080

_PROBLEMS = {
    "too-short": "it needs at least 8 characters (or none at all)",
    "too-long": "it is too long",
    "invalid": "it can't be used: control characters, only blanks, or a hash",
}


class _BadInput(Exception):
    """One line."""


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``demo-site`` to the commands."""
    parser = subparsers.add_parser(
        "demo-site", help="run a simulated charging site on this machine"
    )
    parser.add_argument(
        "--port",
        type=port_number,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"the site's port (default: {DEFAULT_PORT}; 0: any free one)",
    )
    parser.add_argument(
        "--interface",
        default="127.0.0.1",
        metavar="ADDR",
        help="where it listens (default: this machine only)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keep the state there (default: a temporary directory)",
    )
    password = parser.add_mutually_exclusive_group()
    password.add_argument(
        "--admin-password",
        metavar="PASSWORD",
        help="the site's admin password, '' for none (default: a generated one)",
    )
    password.add_argument(
        "--admin-password-file",
        metavar="FILE",
        help="the same from a file, unseen by other users of this machine",
    )
    parser.add_argument(
        "--loglevel",
        type=int,
        choices=LEVELS,
        default=2,
        help="what is said on standard error (default: 2, warnings)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C (0), or until the start fails: one line on stderr, 1 or 2."""
    try:
        password = _given_password(arguments)
        with directory_for(arguments.data_dir, "demo-site") as path:
            return _serve(arguments, SiteDirectory(path), password)
    except _BadInput as error:
        print(f"{COMMAND}: {error}", file=sys.stderr)
        return 2
    except EXPECTED as error:
        print(f"{COMMAND}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{COMMAND}: {line_of(error)}", file=sys.stderr)
    return 1


def _serve(
    arguments: argparse.Namespace, site: SiteDirectory, password: str | None
) -> int:
    # not at the top: it takes its time, and the other commands don't need it
    from cfos_cloud.demo.site.service import SiteOptions
    from cfos_cloud.demo.site_process import run_site

    site.prepare(password)
    return run_site(
        SiteOptions(site.directory, arguments.port, arguments.interface),
        lambda address: print(_text(address, site), flush=True),
        command=COMMAND,
        loglevel=arguments.loglevel,
    )


def _given_password(arguments: argparse.Namespace) -> str | None:
    password: str | None = arguments.admin_password
    if arguments.admin_password_file is not None:
        password = read_secret(arguments.admin_password_file)
    problem = None if password is None else password_problem(password)
    if problem is not None:
        raise _BadInput(f"the admin password: {_PROBLEMS[problem]}")
    return password


def log_in_lines(site: SiteDirectory) -> tuple[str, str]:
    """How the admin and the first user log in at the site itself."""
    password, user_id = site.shown_admin_password(), site.shown_user_id()
    admin = "admin, with the password that you have set"
    if password == "":
        admin = "nobody is asked: no admin password is set"
    elif password is not None:
        admin = f"admin, password {password}"
    user = f"{USER} is there no more, or has another ID now"
    if user_id is not None:
        user = f"user, password {user_id}   ({USER}, who sees one wallbox)"
    return admin, user


def _text(address: str, site: SiteDirectory) -> str:
    admin, user = log_in_lines(site)
    return f"""
A simulated charging site is running.

  Open             {address}/
  As administrator {admin}
  As user          {user}
  State            {site.directory}

What to try next
  · Watch: one car charges, another comes within half a minute.
  · Ask for the meter as a program does:
      {curl_line(address, site)}
  · Connect it to a cloud server: {address}/ui/en/settings.htm

Stop with Ctrl-C."""


def curl_line(address: str, site: SiteDirectory) -> str:
    """A command that reads the meter."""
    password = site.shown_admin_password()
    who = ""
    if password != "":
        who = f"-u {shlex.quote(f'admin:{password}') if password else 'admin'} "
    return f"curl {who}{address}/api/json/local/values/smart-meter"
