"""What setup.cfg says is what the tree has."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.tree import PACKAGE, ROOT, read_modules

#: Declared for what other libraries do with it: TLS names, versions that agree.
INDIRECT = {"service-identity", "werkzeug"}
LOCKS = tuple(ROOT.glob("requirements*.lock"))


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def owners() -> Mapping[str, list[str]]:
    """The distributions of each module; all that is installed is read for it."""
    return metadata.packages_distributions()


def owner_of(module: str) -> str:
    """The distribution that a library's module comes from."""
    top, _, rest = module.partition(".")
    if top == "zope":  # a namespace that many distributions share
        return canonical(f"{top}.{rest.partition('.')[0]}")
    # Our plugin makes us one of the owners of "twisted".
    found = map(canonical, owners().get(top, [top]))
    return next(owner for owner in found if owner != "cfos-cloud")


def distribution(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return canonical(found[0])


class SetupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.setup = configparser.ConfigParser()
        self.setup.read(ROOT / "setup.cfg", encoding="utf-8")
        self.packages = lines_of(self.setup["options"]["packages"])

    def test_every_package_of_the_tree_is_listed(self) -> None:
        found = {
            ".".join(path.parent.relative_to(ROOT).parts)
            for path in (ROOT / PACKAGE).rglob("*.py")
        }
        self.assertEqual(sorted(self.packages), sorted({*found, "twisted.plugins"}))

    def test_every_package_says_that_it_is_one(self) -> None:
        ours = [name for name in self.packages if name.startswith(PACKAGE)]
        missing = [
            name
            for name in ours
            if not ROOT.joinpath(*name.split("."), "__init__.py").exists()
        ]
        self.assertEqual(missing, [])

    def test_the_plugin_directory_is_no_package_of_ours(self) -> None:
        self.assertFalse((ROOT / "twisted" / "__init__.py").exists())
        self.assertFalse((ROOT / "twisted" / "plugins" / "__init__.py").exists())

    def test_every_data_file_of_the_tree_is_listed(self) -> None:
        data = self.setup["options.package_data"]
        missing = []
        for path in (ROOT / PACKAGE).rglob("*"):
            if path.is_dir() or path.suffix in {".py", ".pyc"}:
                continue
            package = ".".join(path.parent.relative_to(ROOT).parts)
            patterns = re.split(r"[,\n]", data.get(package, ""))
            if not any(path.match(pattern.strip()) for pattern in patterns if pattern):
                missing.append(str(path.relative_to(ROOT)))
        self.assertEqual(missing, [])

    def test_every_library_that_is_imported_is_declared_and_no_other(self) -> None:
        declared = {
            distribution(line)
            for line in lines_of(self.setup["options"]["install_requires"])
        }
        imported = {
            owner_of(name)
            for module in read_modules().values()
            for name in module.imports
            if name.split(".")[0] not in {*sys.stdlib_module_names, PACKAGE}
        }
        self.assertEqual(sorted(imported - declared), [])
        self.assertEqual(sorted(declared - imported - INDIRECT), [])

    def test_pyproject_holds_no_metadata(self) -> None:
        pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
        self.assertEqual(sorted(pyproject), ["build-system", "tool"])


class LockTests(SynchronousTestCase):
    def locked(self, name: str) -> set[str]:
        text = (ROOT / name).read_text()
        return {distribution(found) for found in re.findall(r"^\S+==", text, re.M)}

    def test_the_locks_pin_what_setup_cfg_asks_for(self) -> None:
        setup = configparser.ConfigParser()
        setup.read(ROOT / "setup.cfg", encoding="utf-8")
        runtime = lines_of(setup["options"]["install_requires"])
        extras = "\n".join(setup["options.extras_require"][e] for e in ("test", "dev"))
        wanted = {distribution(line) for line in runtime}
        wanted_for_work = wanted | {distribution(line) for line in lines_of(extras)}
        peers = setup["options.extras_require"]["bench"]
        measured = {distribution(line) for line in lines_of(peers)}
        self.assertEqual(wanted - self.locked("requirements.lock"), set())
        self.assertEqual(wanted_for_work - self.locked("requirements-dev.lock"), set())
        self.assertEqual(measured - self.locked("requirements-bench.lock"), set())

    def test_there_is_one_for_each_environment(self) -> None:
        found = sorted(path.name for path in LOCKS)
        self.assertEqual(
            found,
            [f"requirements{part}.lock" for part in ("-bench", "-dev", "-sslyze", "")],
        )

    def test_the_locks_name_no_place(self) -> None:
        for path in LOCKS:
            text = path.read_text()
            self.assertNotRegex(text, r"(?m)^-|://|@ |/tmp/|/home/|/opt/")

    def test_every_pin_has_a_hash(self) -> None:
        for path in LOCKS:
            text = path.read_text()
            self.assertRegex(text, r"(?m)^\S+==")
            for pin in re.findall(r"(?m)^\S+==\S+ \\\n(.*)", text):
                self.assertRegex(pin, r"--hash=sha256:[0-9a-f]{64}")
            self.assertEqual(re.findall(r"(?m)^\S+==\S+$", text), [])


class CommandTests(SynchronousTestCase):
    """In fresh processes: a plugin that can't be imported vanishes silently."""

    def output(self, *arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def twistd(self, *arguments: str) -> str:
        program = "from twisted.scripts.twistd import run; run()"
        return self.output("-c", program, *arguments)

    def test_twistd_lists_both_services(self) -> None:
        listed = re.findall(r"(?m)^ +(cfos-\S+)", self.twistd("--help"))
        self.assertEqual(sorted(listed), ["cfos-cloud", "cfos-device"])

    def test_both_services_have_options(self) -> None:
        server = self.twistd("cfos-cloud", "--help")
        for option in ("--port", "--interface", "--data-dir", "--allow-http"):
            self.assertIn(option, server)
        device = self.twistd("cfos-device", "--help")
        for option in ("--server", "--cloud-id", "--password-file", "--target"):
            self.assertIn(option, device)

    def test_the_entry_points_exist(self) -> None:
        program = "from cfos_cloud.cli import main, charging_manager_main"
        self.output("-c", program)


class WheelTests(SynchronousTestCase):
    def test_the_wheel_has_the_plugin_the_pages_and_the_commands(self) -> None:
        if importlib.util.find_spec("setuptools") is None:
            raise SkipTest("setuptools is not installed here")
        work = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, work)
        for name in ("cfos_cloud", "twisted", "ui"):
            shutil.copytree(
                ROOT / name,
                work / name,
                ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"),
            )
        for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, work)
        program = "import setuptools.build_meta as b; b.build_wheel('dist')"
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=work,
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        (wheel,) = (work / "dist").glob("*.whl")
        with zipfile.ZipFile(wheel) as file:
            names = set(file.namelist())
            (listed,) = (n for n in names if n.endswith("/entry_points.txt"))
            commands = file.read(listed).decode()
        self.assertIn("twisted/plugins/cfos_cloud_plugin.py", names)
        self.assertNotIn("twisted/__init__.py", names)
        pages = {
            f"cfos_cloud/_ui/{path.relative_to(ROOT / 'ui')}"
            for path in (ROOT / "ui").rglob("*")
            if path.is_file()
        }
        self.assertTrue(pages)
        self.assertEqual(pages - names, set())
        self.assertIn("cfos-cloud = cfos_cloud.cli:main", commands)
        self.assertIn(
            "charging_manager = cfos_cloud.cli:charging_manager_main", commands
        )
