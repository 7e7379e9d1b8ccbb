"""`harness init`: write a small project that works, beside what is there."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.airflow.environments import find_environment
from harness.errors import HarnessError, SettingsError
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings

DAG = "dags/daily_total.py"
WORKFLOW = ".github/workflows/scenarios.yml"
FILES = {
    DAG: "daily_total.py.txt",
    "schema.sql": "schema.sql.txt",
    "scenarios/test_daily_total.py": "test_daily_total.py.txt",
    WORKFLOW: "workflow.yml",
}
"""Path in the project -> file in the folder `starter`."""


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser("init", help="write a first DAG, scenario and CI workflow; replace nothing")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    for line in write_project(Path.cwd(), _major(root)):
        print(line)
    print("run the scenarios: pytest")
    return 0


def write_project(folder: Path, airflow_major: int) -> list[str]:
    """Write the missing files; return a line about each file.

    The table [tool.harness] is added at the end of an existing pyproject.toml that has no such table. If there is one,
    only the workflow is written, because the DAG would need other declarations. Raises SettingsError for a broken
    pyproject.toml.
    """
    texts = {path: _read_text(name) for path, name in FILES.items()}
    if airflow_major < 3:
        texts[DAG] = texts[DAG].replace("from airflow.sdk import", "from airflow.decorators import")
    added = _add_tables(folder / "pyproject.toml", _read_text("tables.toml.txt"))
    if added is None:
        kept = f"pyproject.toml: kept, because it has a table [tool.harness], so only {WORKFLOW} is written"
        return [kept, *_write(folder, {WORKFLOW: texts[WORKFLOW]})]
    return [added, *_write(folder, texts)]


def _add_tables(pyproject: Path, tables: str) -> str | None:
    """Add the tables and return a line about it; None if there is a table [tool.harness]."""
    before = pyproject.read_text() if pyproject.exists() else ""
    try:
        declared = tomllib.loads(before).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{pyproject} is not valid TOML: {error}. Repair the file, then run `harness init`"
        ) from error
    if "harness" in declared:
        return None
    gap = "\n" if before.endswith("\n") else "\n\n"
    with pyproject.open("a") as file:
        file.write(f"{gap}{tables}" if before else tables)
    return f"pyproject.toml: {'[tool.harness] added' if before else 'written'}"


def _write(folder: Path, texts: Mapping[str, str]) -> list[str]:
    lines = []
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("x") as new:
                new.write(text)
            lines.append(f"{path}: written")
        except FileExistsError:
            lines.append(f"{path}: kept, because it exists")
    return lines


def _read_text(name: str) -> str:
    return Path(__file__).with_name("starter").joinpath(name).read_text()


def _major(root: Path) -> int:
    """Return the major version of the project's Airflow; 3 if there is no Airflow yet."""
    try:
        return find_environment(Settings.load(root, BUILT_IN).airflow_python).major
    except HarnessError:
        return 3
