"""``cfos-cloud backup FILE``: all that a server has, into a tar file."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cfos_cloud.operator_tool import commands
from cfos_cloud.operator_tool.errors import BadUsage, ToolError
from cfos_cloud.operator_tool.human import size
from cfos_cloud.operator_tool.options import Session, Work, add_action
from cfos_cloud.operator_tool.output import Output
from cfos_cloud.registry.backup import make_offline
from cfos_cloud.registry_errors import DatabaseError

if TYPE_CHECKING:
    from cfos_cloud.operator_tool.options import SubParsers

WITH_KEYS = "The private keys are in it: keep it as safe as the data directory."
WITHOUT_KEYS = (
    "Certificate, private keys and server-secret are NOT in it: a server that is "
    "restored from it has new ones, which its device ends don't know."
)


def add_parsers(subparsers: SubParsers) -> None:
    """Add ``backup``."""
    parser = add_action(
        subparsers, "backup", "copy all that a server has into a tar file", online
    )
    parser.add_argument(
        "file", metavar="FILE", help="replaced if it is there; - is standard output"
    )
    parser.add_argument(
        "--without-keys",
        action="store_true",
        help="leave out certificate, private keys and server-secret",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="of a server that does not run: ask nobody, read DIR",
    )


async def run(reactor: Any, arguments: argparse.Namespace) -> int:
    """Make the backup; the exit status. An error is one line on stderr."""
    if arguments.data_dir is None:
        return await commands.run(reactor, arguments)
    try:
        offline(reactor, arguments)
    except ToolError as error:
        print(f"{arguments.says_as}: {error}", file=sys.stderr)
        return error.status
    return 0


def online(arguments: argparse.Namespace) -> Work:
    """Fetched from the server."""
    _check(arguments)

    async def work(session: Session) -> None:
        with _target(arguments) as file:
            await session.client.backup(file.write, not arguments.without_keys)
        _say(arguments, session.output)

    return work


def offline(reactor: Any, arguments: argparse.Namespace) -> None:
    """
    Made from a data directory.

    :raises ToolError: it can't be.
    """
    _check(arguments)
    to_stdout = arguments.file == "-"
    scratch = arguments.data_dir if to_stdout else Path(arguments.file).parent
    try:
        backup = make_offline(
            reactor,
            arguments.data_dir,
            scratch,
            datetime.now(UTC),
            with_keys=not arguments.without_keys,
        )
    except DatabaseError as error:
        raise ToolError(str(error)) from error
    try:
        with _target(arguments) as file:
            for piece in backup.archive.pieces():
                file.write(piece)
    finally:
        backup.close()
    for name in backup.left_out:
        print(f"{name} is too large for a backup: left out", file=sys.stderr)
    if backup.strange:
        names = ", ".join(backup.strange)
        print(f"not the server's, so not in the backup: {names}", file=sys.stderr)
    _say(arguments, Output(arguments.json))


def _check(arguments: argparse.Namespace) -> None:
    if arguments.file == "-":
        if sys.stdout.isatty():
            raise BadUsage("a backup is nothing for a terminal; name a file")
    elif not Path(arguments.file).parent.is_dir():
        raise BadUsage(f"there is no directory {Path(arguments.file).parent}")


@contextmanager
def _target(arguments: argparse.Namespace) -> Iterator[IO[bytes]]:
    """What is written to: it takes its place as a whole, or not at all."""
    if arguments.file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(arguments.file)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _read_through(new)
        new.replace(path)
    except (OSError, tarfile.TarError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ToolError(f"no backup at {path}: {reason}") from error
    finally:
        new.unlink(missing_ok=True)


def _read_through(path: Path) -> None:
    """:raises tarfile.TarError: it is not whole."""
    with tarfile.open(path, "r:") as archive:
        for _ in archive:
            pass


def _say(arguments: argparse.Namespace, output: Output) -> None:
    with_keys = not arguments.without_keys
    warning = WITH_KEYS if with_keys else WITHOUT_KEYS
    if arguments.file == "-":
        print(warning, file=sys.stderr)
        return
    count = Path(arguments.file).stat().st_size
    output.document(
        {"file": arguments.file, "bytes": count, "keys": with_keys},
        f"{arguments.file}: {size(count)}",
        warning,
    )
