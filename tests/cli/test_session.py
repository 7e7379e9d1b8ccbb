"""`harness run` executes its work in a pytest session, with any options that the project gives pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.progress import SILENT
from harness.run_command.session import run_in_session


@pytest.mark.parametrize("option", ["--ff", "--lf", "--nf", "-p no:randomly", "-n2"])
def test_options_of_the_project_keep_the_work(tmp_path: Path, option: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.pytest.ini_options]\naddopts = "{option}"\n')
    done: list[int] = []

    def work() -> None:
        done.append(1)

    run_in_session(tmp_path, work, (), SILENT)
    assert done == [1]
    assert not (tmp_path / ".pytest_cache").exists()
