"""Scenarios for a project that has none: each DAG runs once, for one date."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from harness.upgrade.sides import Scenarios

FILE = "test_every_dag.py"
TEST = """
import pytest


@pytest.mark.parametrize("dag_id", {dag_ids!r}, ids=str)
def test_dag(world, dag_id):
    world.run(dag_id, {date!r})
"""


def write_scenarios(dag_ids: Collection[str], date: str, folder: Path, root: Path) -> Scenarios:
    """Write a test module to `folder` that runs each DAG.

    Return the scenarios for the project at `root`. The module is outside the project, so options of pytest name the
    project's settings and conftest.
    """
    (folder / FILE).write_text(TEST.format(dag_ids=sorted(dag_ids), date=date))
    settings = root / "pyproject.toml"
    conftest = ("-p", "conftest") if (root / "conftest.py").is_file() else ()
    where = ("--rootdir", str(root), "-c", str(settings) if settings.is_file() else "/dev/null")
    return Scenarios(root, (str(folder), *where, *conftest))
