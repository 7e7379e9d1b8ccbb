"""Values that operators no longer accept."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Refused = tuple[str, str, int]
"""Reason, replacement and line."""


def find_refused_values(tree: ast.AST, airflow_major: int) -> Iterator[Refused]:
    """Yield each refused value that a call in the file passes."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), keywords=keywords):
                for keyword in keywords:
                    match keyword:
                        case ast.keyword(arg="auto_remove", value=ast.Constant(value=bool(given), lineno=line)):
                            if name == "DockerOperator":
                                form = "success" if given else "never"
                                yield f"{name} refuses auto_remove={given}", f'write auto_remove="{form}"', line
                        case ast.keyword(arg="trigger_rule", value=ast.Constant(value="dummy", lineno=line)):
                            if airflow_major >= 3:
                                yield 'Airflow 3 refuses trigger_rule="dummy"', 'write trigger_rule="always"', line
