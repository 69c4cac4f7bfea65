"""An import that is killed at any moment leaves one pair or the other, whole."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_check import belong_together
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.twistd_command import child_environment
from tests.listener.authority import NOW, Authority
from tests.listener.several import certificate_for

PATIENCE = 60

#: Imports the two pairs in turn, without end. With a number it kills itself before
#: the system call of that number, of those that an import or a removal makes.
_IMPORTER = """
import os, pathlib, signal, sys
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.certificate_check import read_pair
from tests.listener.authority import NOW
directory, fatal = pathlib.Path(sys.argv[1]), int(sys.argv[2])
what = sys.argv[3]
store = CertificateStore(directory / "data", ["localhost"], lambda: NOW)
pairs = [(directory / name).read_bytes() for name in ("a.pem", "b.pem")]
pairs = [read_pair(each, each) for each in pairs]
if fatal >= 0:
    calls = 0
    def mortal(function):
        def call(*args, **named):
            global calls
            if calls == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            calls += 1
            return function(*args, **named)
        return call
    for name in ("open", "fchmod", "fsync", "rename", "close", "unlink", "mkdir"):
        setattr(os, name, mortal(getattr(os, name)))
    if what == "import":
        store.keep(pairs[1])
    else:
        store.remove(pairs[0])
    print("whole", flush=True)
else:
    print("begun", flush=True)
    while True:
        for each in pairs:
            store.keep(each)
"""


class KillTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.pairs = [self.make_pair() for _ in range(2)]
        for name, pair in zip(("a.pem", "b.pem"), self.pairs, strict=True):
            (self.directory / name).write_bytes(pair.key_pem + pair.certificate_pem)
        self.store = CertificateStore(
            self.directory / "data", ["localhost"], lambda: NOW
        )
        self.store.keep(self.pairs[0])

    def make_pair(self) -> Certificate:
        root = Authority()
        key = new_key()
        return Certificate((root.issue(key), root.certificate), key)

    def importer(self, fatal: int, what: str = "import") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPORTER, str(self.directory), str(fatal), what],
            env=child_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def found(self) -> Certificate:
        """What a server finds that starts now."""
        store = CertificateStore(self.directory / "data", ["localhost"], lambda: NOW)
        (certificate,) = store.load()
        self.assertIn(certificate, self.pairs)
        self.assertTrue(belong_together(certificate.leaf, certificate.key))
        store.tidy()
        names = {path.name for path in (self.directory / "data" / "tls").iterdir()}
        self.assertEqual(names, {"imported.pem"})
        return certificate

    def test_before_every_system_call_of_it(self) -> None:
        outcomes = []
        for fatal in range(40):
            self.store.keep(self.pairs[0])
            process = self.importer(fatal)
            said, _ = process.communicate(timeout=PATIENCE)
            outcomes.append(self.pairs.index(self.found()))
            if process.returncode == 0:
                break
            self.assertEqual(process.returncode, -signal.SIGKILL)
            self.assertEqual(said, "")
        # The old one, up to the moment from which on it is the new one.
        self.assertEqual(outcomes, sorted(outcomes))
        self.assertEqual((outcomes[0], outcomes[-1]), (0, 1))
        self.assertEqual((said, process.returncode), ("whole\n", 0))
        # All of them were tried: file and directory are opened, synced and closed.
        self.assertGreaterEqual(len(outcomes), 8)

    def outcomes(
        self, what: str, begin: Sequence[Certificate]
    ) -> list[tuple[Certificate, ...]]:
        """
        What a server finds that starts after a kill before each system call, the
        last one being after none. It begins with ``begin``, imported in this order.
        """
        found = []
        for fatal in range(60):
            shutil.rmtree(self.directory / "data")
            for each in begin:
                self.store.keep(each)
            process = self.importer(fatal, what)
            process.communicate(timeout=PATIENCE)
            store = CertificateStore(self.directory / "data", [], lambda: NOW)
            found.append(store.load())
            for each in found[-1]:
                self.assertTrue(belong_together(each.leaf, each.key))
            store.tidy()
            self.assertEqual(store.load(), found[-1])
            files = [*(self.directory / "data" / "tls").iterdir()]
            self.assertEqual(len(files), len(found[-1]))
            if process.returncode == 0:
                return found
            self.assertEqual(process.returncode, -signal.SIGKILL)
        raise AssertionError("it never ends")

    def write(self, *pairs: Certificate) -> None:
        for name, pair in zip(("a.pem", "b.pem"), pairs, strict=True):
            (self.directory / name).write_bytes(pair.key_pem + pair.certificate_pem)

    def test_one_for_other_names_is_added_or_not_beside_all_others(self) -> None:
        other, old = certificate_for("other.example"), certificate_for("old.example")
        new = certificate_for("old.example", "new.example")
        self.write(other, new)
        found = self.outcomes("import", [old, other])
        self.assertEqual(set(found), {(other, old), (new, other)})
        self.assertEqual(found, sorted(found, key=lambda each: new in each))
        self.assertGreaterEqual(len(found), 16)

    def test_one_is_removed_or_not_and_all_others_stay(self) -> None:
        one, two, three = (certificate_for(f"{each}.example") for each in "abc")
        for removed, before, after in (
            (one, (three, two, one), (three, two)),
            (three, (three, two, one), (two, one)),
        ):
            self.write(removed, two)
            found = self.outcomes("remove", [one, two, three])
            self.assertEqual(set(found), {before, after})
            self.assertEqual(found, sorted(found, key=lambda each: each == after))
            self.assertGreaterEqual(len(found), 3)

    def test_at_any_moment(self) -> None:
        moments = random.Random(4711)  # noqa: S311 - not for secrets
        for _ in range(20):
            process = self.importer(-1)
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "begun\n")
            try:
                process.wait(moments.uniform(0, 0.03))
            except subprocess.TimeoutExpired:
                process.kill()
            self.assertEqual(process.wait(PATIENCE), -signal.SIGKILL)
            process.stdout.close()
            self.found()
