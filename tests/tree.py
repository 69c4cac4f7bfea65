"""The source tree as facts: modules, and what each one imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "cfos_cloud"


@dataclass(frozen=True)
class Module:
    """One ``.py`` file; ``imports`` are absolute names, wherever they stand."""

    name: str
    path: Path
    imports: frozenset[str]

    @property
    def room(self) -> str:
        """Its place in the tree: a sub-package, or a module at the top."""
        return room_of(self.name)


def room_of(name: str) -> str:
    """The first part below ``cfos_cloud``; the package itself has its own name."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def is_package(name: str, modules: dict[str, Module]) -> bool:
    return modules[name].path.name == "__init__.py"


def innermost_packages(modules: dict[str, Module]) -> set[str]:
    """The folders that have modules only, no folders."""
    packages = {name for name in modules if is_package(name, modules)}
    return {p for p in packages if not any(q.startswith(f"{p}.") for q in packages)}


def folder_of(name: str, innermost: set[str]) -> str:
    """The innermost folder that has this module; the module itself outside of one."""
    folder = name if name in innermost else name.rpartition(".")[0]
    return folder if folder in innermost else name


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(source: str, package: str) -> Iterator[str]:
    """
    Every name that ``source`` imports, at the top, in functions and under
    ``TYPE_CHECKING``: ``from a import b`` gives both ``a`` and ``a.b``.

    :param package: what relative imports are relative to.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, base] if base else parts)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def read_modules(root: Path = ROOT) -> dict[str, Module]:
    """All modules of the package below ``root``, by name."""
    modules = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        name = module_name(path, root)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        source = path.read_text(encoding="utf-8")
        imports = frozenset(imported_names(source, package))
        modules[name] = Module(name, path, imports)
    return modules


def own_imports(module: Module, modules: dict[str, Module]) -> set[str]:
    """The modules of ours that importing ``module`` runs, with their packages."""
    found: set[str] = set()
    for name in module.imports:
        parts = name.split(".")
        prefixes = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
        found.update(prefix for prefix in prefixes if prefix in modules)
    return found - {module.name}


def reachable(start: str, modules: dict[str, Module]) -> set[str]:
    """``start`` and everything of ours that importing it runs, at any depth."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += own_imports(modules[name], modules)
    return seen


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """One cycle in a graph, first node repeated at the end; empty if none."""
    finished: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in finished:
            return []
        for target in sorted(edges.get(node, ())):
            if found := visit(target, [*path, node]):
                return found
        finished.add(node)
        return []

    for node in sorted(edges):
        if found := visit(node, []):
            return found
    return []
