"""An import that is killed at any moment leaves one pair or the other, whole."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cfos_cloud.listener.certificate import Certificate
from cfos_cloud.listener.certificate_check import belong_together
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.self_signed import new_key
from cfos_cloud.twistd_command import child_environment
from tests.listener.authority import NOW, Authority

PATIENCE = 60

#: Imports the two pairs in turn, without end. With a number it kills itself before
#: the system call of that number, of those that an import makes.
_IMPORTER = """
import os, pathlib, signal, sys
from cfos_cloud.listener.certificates import CertificateStore
from cfos_cloud.listener.certificate_check import read_pair
from tests.listener.authority import NOW
directory, fatal = pathlib.Path(sys.argv[1]), int(sys.argv[2])
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
    store.keep(pairs[1])
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

    def importer(self, fatal: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPORTER, str(self.directory), str(fatal)],
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
        certificate = store.load()
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

    def test_at_any_moment(self) -> None:
        moments = random.Random(4711)  # noqa: S311
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
