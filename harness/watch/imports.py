"""Which of the project's own files a Python file imports, as far as that can be told without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path


def reached(files: Iterable[Path], bases: Sequence[Path]) -> set[Path]:
    """`files`, what they import, what that imports, and so on. `bases` are folders from which modules are imported."""
    found: set[Path] = set()
    to_read = list(files)
    while to_read:
        file = to_read.pop()
        if file not in found:
            found.add(file)
            to_read += _imported(file, tuple(bases))
    return found


def parsed(file: Path) -> ast.Module | None:
    """None where it is no Python file that could be imported, as things stand."""
    try:
        return _parsed(file, file.stat().st_mtime_ns) if file.suffix == ".py" else None
    except (OSError, SyntaxError, ValueError):
        return None


@lru_cache(maxsize=1000)
def _parsed(file: Path, changed: int) -> ast.Module:
    return ast.parse(file.read_bytes())


def _imported(file: Path, bases: tuple[Path, ...]) -> Iterator[Path]:
    tree = parsed(file)
    for node in ast.walk(tree) if tree else ():
        for base, module in _modules(node, file, bases):
            # To import a.b.c is to import a and a.b as well.
            parts = module.split(".")
            for length in range(1, len(parts) + 1):
                place = base.joinpath(*parts[:length])
                yield from (each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file())


def _modules(node: ast.AST, file: Path, bases: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """Each module that the statement may import, with the folder it is looked for in."""
    names: list[str] = []
    places = (*bases, file.parent)
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        # `from a import b`: b is a module of a, or a name in it.
        names = [".".join(filter(None, (node.module, alias.name))) for alias in node.names]
        if node.level:
            places = tuple(file.parents)[node.level - 1 : node.level]
    elif isinstance(node, ast.Assign) and any(
        isinstance(t, ast.Name) and t.id == "pytest_plugins" for t in node.targets
    ):
        names = [text for each in ast.walk(node.value) if (text := text_of(each)) is not None]
    for name in names:
        yield from ((place, name.removesuffix(".*")) for place in places)


def text_of(node: ast.AST) -> str | None:
    """What is written there between quotation marks; None where that is something else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
