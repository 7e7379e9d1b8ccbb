"""Which DAGs a file defines, as far as that can be told without running it.

Airflow 3.x records every DAG's file in the metadata database of a run; 2.11 records none, and there this must do.
"""

from __future__ import annotations

import ast
from pathlib import Path

from harness.watch.imports import parsed, text_of


def defined_in(file: Path) -> set[str]:
    """Ids of the DAGs that are written out: `DAG("id", ...)`, `DAG(dag_id=ID)`, a function under `@dag`."""
    tree = parsed(file)
    if tree is None:
        return set()
    texts = _constants(tree)
    return {dag_id for node in ast.walk(tree) for dag_id in _ids(node, texts)}


def files_of(dag_id: str, dags_folder: Path) -> set[Path]:
    """The files that define that DAG, by their own words."""
    return {file for file in dags_folder.rglob("*.py") if dag_id in defined_in(file)}


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's names for texts: `DAG_ID = "export"`."""
    return {
        target.id: text
        for node in tree.body
        if isinstance(node, ast.Assign) and (text := text_of(node.value)) is not None
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _ids(node: ast.AST, texts: dict[str, str]) -> set[str]:
    if isinstance(node, ast.Call) and _name(node.func) in ("DAG", "dag"):
        given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "dag_id")]
        named = [texts.get(each.id) if isinstance(each, ast.Name) else text_of(each) for each in given]
        return {text for text in named if text is not None}
    if isinstance(node, ast.FunctionDef) and any(_name(each) == "dag" for each in node.decorator_list):
        return {node.name}
    return set()


def _name(node: ast.AST) -> str | None:
    """`DAG` of `DAG`, `models.DAG` and `DAG(...)`."""
    if isinstance(node, ast.Call):
        return _name(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
