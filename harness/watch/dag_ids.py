"""Find the ids of the DAGs that a file defines, without running it.

Airflow 3.1 and later record every DAG's file in the metadata database of a run. Earlier lines do not, so the source is
parsed.
"""

from __future__ import annotations

import ast
from pathlib import Path

from harness.watch.imports import parse_file, read_string


def list_dag_ids(file: Path) -> set[str]:
    """Return the DAG ids that a file contains literally.

    These are `DAG("id", ...)`, `DAG(dag_id=ID)` with a constant, and functions under `@dag`.
    """
    tree = parse_file(file)
    if tree is None:
        return set()
    constants = _read_constants(tree)
    return {dag_id for node in ast.walk(tree) for dag_id in _read_ids(node, constants)}


def find_defining_files(dag_id: str, dags_folder: Path) -> set[Path]:
    """Return the files in `dags_folder` that define the DAG literally."""
    return {file for file in dags_folder.rglob("*.py") if dag_id in list_dag_ids(file)}


def _read_constants(tree: ast.Module) -> dict[str, str]:
    """Return the module's string constants: `DAG_ID = "export"`."""
    return {
        target.id: text
        for node in tree.body
        if isinstance(node, ast.Assign) and (text := read_string(node.value)) is not None
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _read_ids(node: ast.AST, constants: dict[str, str]) -> set[str]:
    if isinstance(node, ast.Call) and _read_name(node.func) in ("DAG", "dag"):
        values = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "dag_id")]
        ids = [constants.get(value.id) if isinstance(value, ast.Name) else read_string(value) for value in values]
        return {dag_id for dag_id in ids if dag_id is not None}
    if isinstance(node, ast.FunctionDef) and any(_read_name(each) == "dag" for each in node.decorator_list):
        return {node.name}
    return set()


def _read_name(node: ast.AST) -> str | None:
    """Return `DAG` for `DAG`, `models.DAG` and `DAG(...)`."""
    if isinstance(node, ast.Call):
        return _read_name(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
