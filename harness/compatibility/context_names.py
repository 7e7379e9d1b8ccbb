"""Findings from a file's syntax tree that ruff has no rules for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.compatibility.finding import CompatibilityFinding

GONE = {
    "execution_date": "logical_date",
    "next_execution_date": "data_interval_end",
    "prev_execution_date": "prev_data_interval_start_success",
    "prev_execution_date_success": "prev_data_interval_start_success",
    "next_ds": "data_interval_end | ds",
    "next_ds_nodash": "data_interval_end | ds_nodash",
    "prev_ds": "data_interval_start | ds",
    "prev_ds_nodash": "data_interval_start | ds_nodash",
    "tomorrow_ds": "macros.ds_add(ds, 1)",
    "tomorrow_ds_nodash": "macros.ds_add(ds, 1)",
    "yesterday_ds": "macros.ds_add(ds, -1)",
    "yesterday_ds_nodash": "macros.ds_add(ds, -1)",
}
"""Name removed from a run's context in Airflow 3 -> its replacement. Source: Airflow's guide to upgrading to 3."""
TEMPLATED = re.compile(r"\{[{%].*?\b(" + "|".join(GONE) + r")\b.*?[}%]\}", re.S)


def find_load_problems(packages: Sequence[str], dags_folder: Path, file: Path) -> list[CompatibilityFinding]:
    """Find removed provider modules and values that operators now refuse in the file.

    `packages` are the folders of the Airflow environment's packages.
    """
    place = str(file.relative_to(dags_folder))
    return [
        CompatibilityFinding(what, modern, (f"{place}:{line}",))
        for node in ast.walk(_tree(file))
        for what, modern, line in (*_find_moved_imports(packages, node), *_find_refused_values(node))
    ]


def find_missing_context_names(dags_folder: Path, file: Path) -> list[CompatibilityFinding]:
    """Find names that the file reads from a run's context and Airflow 3 lacks."""
    place = str(file.relative_to(dags_folder))
    return [
        CompatibilityFinding(
            f"Airflow 3 has no {name!r} in a run's context",
            f"use {GONE[name]}",
            (f"{place}:{getattr(node, 'lineno', 0)}",),
        )
        for node in ast.walk(_tree(file))
        for name in _find_context_names(node)
    ]


def _tree(file: Path) -> ast.AST:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return ast.Module([], [])  # Airflow reports the error itself


def _find_context_names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield from TEMPLATED.findall(text)
        case ast.Subscript(value=ast.Name(id=variable), slice=ast.Constant(value=str(name))):
            if name in GONE and variable in ("context", "kwargs", "ctx"):
                yield name
        case ast.FunctionDef(args=arguments):
            names = [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]
            yield from (name for name in names if name in GONE)


def _find_refused_values(node: ast.AST) -> Iterator[tuple[str, str, int]]:
    match node:
        case ast.Call(func=ast.Name(id="DockerOperator") | ast.Attribute(attr="DockerOperator"), keywords=keywords):
            for keyword in keywords:
                match keyword:
                    case ast.keyword(arg="auto_remove", value=ast.Constant(value=bool(given), lineno=line)):
                        modern = "success" if given else "never"
                        yield f"DockerOperator refuses auto_remove={given}", f'write auto_remove="{modern}"', line


def _find_moved_imports(packages: Sequence[str], node: ast.AST) -> Iterator[tuple[str, str, int]]:
    """Find imports from a provider's module that the installed provider does not have."""
    if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("airflow.providers."):
        return
    parent, _, module = str(node.module).rpartition(".")
    folders = (Path(root, *parent.split(".")) for root in packages)
    folder = next((path for path in folders if path.is_dir()), None)
    if folder is None or (folder / f"{module}.py").exists() or (folder / module).is_dir():
        return
    for name in node.names:
        now = _find_module(folder, name.name)
        modern = f"import it from {parent}.{now}" if now else "its provider has no such class"
        yield f"{node.module} was removed, with {name.name}", modern, node.lineno


def _find_module(package: Path, name: str) -> str | None:
    """Return the name of the package's module that defines class `name`, or None."""
    defines = re.compile(rf"^class {re.escape(name)}\b", re.M)
    modules = (file.stem for file in sorted(package.glob("*.py")) if defines.search(file.read_text(errors="replace")))
    return next(modules, None)
