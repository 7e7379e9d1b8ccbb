"""Find the project files that a Python file imports, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path


def find_reachable(files: Iterable[Path], bases: Sequence[Path]) -> set[Path]:
    """Return `files` and every file that they import, directly or indirectly.

    Modules are searched in the folders `bases` and in the importing file's folder.
    """
    reachable: set[Path] = set()
    pending = list(files)
    while pending:
        file = pending.pop()
        if file not in reachable:
            reachable.add(file)
            pending += _list_imports(file, tuple(bases))
    return reachable


def parse_file(file: Path) -> ast.Module | None:
    """Return the syntax tree; None if the file is not valid Python at the moment."""
    try:
        return _parse(file, file.stat().st_mtime_ns) if file.suffix == ".py" else None
    except (OSError, SyntaxError, ValueError):
        return None


def read_string(node: ast.AST) -> str | None:
    """Return the value of a string literal; None for other nodes."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@lru_cache(maxsize=1000)
def _parse(file: Path, modified: int) -> ast.Module:
    return ast.parse(file.read_bytes())


def _list_imports(file: Path, bases: tuple[Path, ...]) -> Iterator[Path]:
    tree = parse_file(file)
    for node in ast.walk(tree) if tree else ():
        for base, module in _list_modules(node, file, bases):
            # Importing a.b.c imports a and a.b too.
            parts = module.split(".")
            for length in range(1, len(parts) + 1):
                path = base.joinpath(*parts[:length])
                yield from (each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file())


def _list_modules(node: ast.AST, file: Path, bases: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """Yield (folder, module) for each module of an import and each folder to search."""
    names: list[str] = []
    folders = (*bases, file.parent)
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        # In `from a import b`, b is a module of a or a name in a.
        names = [".".join(filter(None, (node.module, alias.name))) for alias in node.names]
        if node.level:
            folders = tuple(file.parents)[node.level - 1 : node.level]
    elif isinstance(node, ast.Assign) and any(
        isinstance(t, ast.Name) and t.id == "pytest_plugins" for t in node.targets
    ):
        names = [text for each in ast.walk(node.value) if (text := read_string(each)) is not None]
    for name in names:
        yield from ((folder, name.removesuffix(".*")) for folder in folders)
