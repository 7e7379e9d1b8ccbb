"""`harness init`: a project that works, written beside what is there."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.airflow.environments import AirflowEnvironment
from harness.cli.init import FILES, write_project
from harness.errors import SettingsError
from harness.settings import Settings
from tests.outer import environment


@pytest.mark.at_length
def test_the_written_project_passes(
    tmp_path: Path, harness_airflow: AirflowEnvironment, harness_settings: Settings
) -> None:
    lines = write_project(tmp_path, harness_airflow.major)
    assert lines == [f"{path}: written" for path in ("pyproject.toml", *FILES)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--harness-stack", "embedded"],
        cwd=tmp_path,
        env={**environment(harness_settings.root), "HARNESS_CACHE_DIR": str(harness_settings.cache_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_replaced(tmp_path: Path) -> None:
    mine = {path: f"my own {path}" for path in FILES}
    for path, text in mine.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"')
    lines = write_project(tmp_path, 3)
    assert lines == ["pyproject.toml: [tool.harness] added", *(f"{path}: kept, because it exists" for path in FILES)]
    assert {path: (tmp_path / path).read_text() for path in FILES} == mine
    written = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert written["project"] == {"name": "mine"}
    assert written["tool"]["harness"]["dags_folder"] == "dags"


def test_an_existing_table_is_kept(tmp_path: Path) -> None:
    text = '[tool.harness]\ndags_folder = "pipelines"\n'
    (tmp_path / "pyproject.toml").write_text(text)
    workflow = ".github/workflows/scenarios.yml"
    assert write_project(tmp_path, 3) == [
        f"pyproject.toml: kept, because it has a table [tool.harness], so only {workflow} is written",
        f"{workflow}: written",
    ]
    assert (tmp_path / "pyproject.toml").read_text() == text
    assert not (tmp_path / "dags").exists()


def test_a_broken_pyproject_stops_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool")
    with pytest.raises(SettingsError, match=r"pyproject\.toml is not valid TOML: .*Repair the file"):
        write_project(tmp_path, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


def test_the_dag_is_of_the_installed_airflow(tmp_path: Path) -> None:
    write_project(tmp_path, 2)
    assert "from airflow.decorators import dag, task" in (tmp_path / "dags" / "daily_total.py").read_text()
