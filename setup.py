"""The one build step that setup.cfg can't say: ``ui/`` goes into the wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithUi(build_py):
    """
    Copies ``ui/`` to ``cfos_cloud/_ui`` of what is built.

    Not by ``package_dir``: with a second directory there, an editable install
    puts an import hook in the place of a path, and twistd finds no plugin.
    An editable install reads ``ui/`` where it is.
    """

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "cfos_cloud", "_ui")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / "ui", target)


setup(cmdclass={"build_py": BuildWithUi})
