"""
``python -m tests.fuzz NAME [--seconds N] [--found DIRECTORY]``: look for inputs that
break something, led by the coverage where atheris (LibFuzzer) is installed.

Exit status 1: found one. It is in the directory, as ``crash-…``; ``--input FILE`` runs
it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.harness import Harness

#: Inputs of one seed by chance, before the next.
_ROUND = 1_000
#: A reader that takes longer for one input, or more memory, is broken.
_SECONDS_EACH = 10
_MEGABYTES = 1024


def main(arguments: list[str]) -> int:
    """:returns: the exit status, unless LibFuzzer ends the process by itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("name")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--found", type=Path, default=None)
    parser.add_argument("--input", type=Path, default=None)
    options = parser.parse_args(arguments)
    if options.input is not None:
        _harness(options.name).check(options.input.read_bytes())
        return 0
    found = options.found or Path(tempfile.mkdtemp(prefix="cfos-cloud-fuzz-"))
    found.mkdir(parents=True, exist_ok=True)
    if importlib.util.find_spec("atheris") is None:
        return by_chance(_harness(options.name), options.seconds, found)
    return _by_coverage(options.name, options.seconds, found)


def _harness(name: str) -> Harness:
    # Not before atheris can instrument what it imports.
    from tests.fuzz.harnesses import HARNESSES

    return HARNESSES[name]


def by_chance(harness: Harness, seconds: float, found: Path) -> int:
    """
    Where there is no atheris: other inputs than those of every run.

    :raises Exception: that of the input which breaks something; it is in ``found``.
    """
    from tests.fuzz.mutations import inputs

    end = time.monotonic() + seconds
    done = 0
    for seed in count(2):
        for data in inputs(harness, _ROUND, seed):
            if time.monotonic() > end:
                print(f"Done {done} runs in {seconds:.0f} second(s)")
                return 0
            done += 1
            try:
                harness.check(data)
            except Exception:
                (found / "crash-by-chance").write_bytes(data)
                raise
    return 0


def _by_coverage(name: str, seconds: int, found: Path) -> int:
    import atheris

    with atheris.instrument_imports(include=["cfos_cloud", "scramp", "wsproto"]):
        harness = _harness(name)
    corpus = Path(tempfile.mkdtemp(prefix="corpus-", dir=found))
    for number, data in enumerate(harness.seeds()):
        (corpus / f"seed-{number}").write_bytes(data)
    words = found / f"{name}.words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in harness.words))
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-timeout={_SECONDS_EACH}",
            f"-rss_limit_mb={_MEGABYTES}",
            f"-artifact_prefix={found}/",
            f"-dict={words}",
            "-max_len=8192",
            "-print_final_stats=0",
            str(corpus),
        ],
        harness.check,
    )
    atheris.Fuzz()
    return 0


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
