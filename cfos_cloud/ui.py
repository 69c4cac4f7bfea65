"""Where templates, style sheets and translations are."""

from __future__ import annotations

from pathlib import Path


def ui_directory() -> Path:
    """``ui/``: in a wheel it is ``cfos_cloud/_ui`` (setup.py), else in the checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_ui"
    return installed if installed.is_dir() else package.parent / "ui"
