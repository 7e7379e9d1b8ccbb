"""Try the Airflow imports of DAG files: Airflow reports only the first one that fails."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path


def find_missing_imports(file: str) -> list[tuple[int, str, str]]:
    """Return line, qualified name and error of each failing Airflow import in the file.

    Imports within functions count too. Imports under `if` and `try` are skipped, because a file uses these to support
    several versions.
    """
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (SyntaxError, ValueError, OSError):
        return []
    found = ((line, module, name, try_import(module, name)) for line, module, name in list_imports(tree))
    return [(line, f"{module}.{name}".rstrip("."), error) for line, module, name, error in found if error]


def list_imports(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield line, module and name (empty: the module) of the imports from Airflow."""
    if isinstance(node, (ast.If, ast.Try)):
        return
    if isinstance(node, ast.Import):
        names = [(alias, alias.name, "") for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        names = [(alias, node.module or "", alias.name) for alias in node.names if alias.name != "*"]
    else:
        names = []
        for child in ast.iter_child_nodes(node):
            yield from list_imports(child)
    for alias, module, name in names:
        if module.split(".")[0] == "airflow":
            # Python 3.9 has no line of an alias.
            yield getattr(alias, "lineno", 0) or getattr(node, "lineno", 0), module, name


def try_import(module: str, name: str) -> str:
    """Import the module and get the name from it. Return the error, or an empty text."""
    try:
        if name and not hasattr(importlib.import_module(module), name):
            importlib.import_module(f"{module}.{name}")
        elif not name:
            importlib.import_module(module)
    except Exception as error:  # a provider's module may raise any error
        return str(error) or type(error).__name__
    return ""
