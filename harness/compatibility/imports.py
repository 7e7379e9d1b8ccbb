"""Imports from Airflow and its providers that fail, with the modern form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.compatibility.finding import Installed
from harness.compatibility.packages import find_provider_package

SQL = "use SQLExecuteQueryOperator from airflow.providers.common.sql.operators.sql, with conn_id="
FORMS = {
    "DUMMY": "write TriggerRule.ALWAYS",
    "KubernetesPodOperator": "import it from airflow.providers.cncf.kubernetes.operators.pod",
    "MsSqlOperator": SQL,
    "MySqlOperator": SQL,
    "OracleOperator": SQL,
    "PostgresOperator": SQL,
    "SSHOperator": "import it from airflow.providers.ssh.operators.ssh",
    "SimpleHttpOperator": "use HttpOperator from airflow.providers.http.operators.http",
    "SnowflakeOperator": SQL,
    "SqliteOperator": SQL,
    "SubDagOperator": "use a TaskGroup: with TaskGroup(group_id=...), from airflow.sdk",
    "TrinoOperator": SQL,
    "VerticaOperator": SQL,
    "apply_defaults": "leave it out: each operator applies default_args",
    "days_ago": "write a date: datetime(2021, 1, 1)",
    "provide_context": "leave it out: it is always so",
}
"""Last part of a name -> its modern form, for names without one in ruff's rules."""
GUIDE = "see Airflow's guide to upgrading to 3"

Import = tuple[int, str, str]
"""Line, qualified name, and the error if the import failed."""


def explain_import(imported: Import, replacements: Mapping[str, str], installed: Installed) -> tuple[str, str]:
    """Return why the import fails and its modern form.

    `replacements` are ruff's, by qualified name.
    """
    _, name, error = imported
    module, _, last = name.rpartition(".")
    own = FORMS.get(last, "")
    form = replacements.get(name, "") if not own or own == f"import it from {module}" else own
    package = find_provider_package(name) or find_provider_package(error)
    needed = package or find_provider_package(own)
    if needed and needed not in installed.packages:
        form = f"install {needed} in Airflow's environment" + (f", and {form}" if form else "")
    if package and package not in installed.packages:
        return f"{package} is not installed", form
    if name.startswith("airflow.sdk") and installed.major < 3:
        return "airflow.sdk needs Airflow 3", "import these names from airflow, airflow.models or airflow.decorators"
    if package and not form and (found := _find_module(name, installed)):
        form = f"import it from {found}"
    owner = f"{package} {installed.packages[package]}" if package else f"Airflow {installed.airflow_version}"
    return f"{owner} has no {name}", form or ("see the provider's changelog" if package else GUIDE)


def list_imports(file: Path) -> Iterable[tuple[int, str]]:
    """Yield line and qualified name of each import in the file."""
    for node in ast.walk(parse_file(file)):
        match node:
            case ast.ImportFrom(module=str(module), level=0):
                yield from ((alias.lineno, f"{module}.{alias.name}") for alias in node.names)
            case ast.Import():
                yield from ((alias.lineno, alias.name) for alias in node.names)


def parse_file(file: Path) -> ast.AST:
    """Return the file's syntax tree, an empty tree for a file that can't be read.

    Airflow reports the error.
    """
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return ast.Module([], [])


def _find_module(name: str, installed: Installed) -> str | None:
    """Return the module of the same provider that defines the class now, or None."""
    *parts, _, class_name = name.split(".")
    defines = re.compile(rf"^class {re.escape(class_name)}\b", re.M)
    for folder in (Path(root, *parts) for root in installed.folders):
        for file in sorted(folder.glob("*.py")):
            if defines.search(file.read_text(errors="replace")):
                return ".".join((*parts, file.stem))
    return None
