"""One round of `harness watch`, without scenarios."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.outer import environment, project

ROUND = """
import harness
from harness.watch.round import run_round, warm_up
from harness.watch.selection import EVERYTHING

warm_up()
print(run_round(["-p", "no:cacheprovider"], EVERYTHING, frozenset()).exit_code)
"""


def test_a_round_prints_no_warnings(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    folder = project(tmp_path / "own", "def test_it(): ...\n")
    command = [sys.executable, "-c", ROUND]
    done = subprocess.run(
        command, cwd=folder, env=environment(pytestconfig.rootpath), capture_output=True, text=True, check=True
    )
    assert "Warning" not in done.stdout + done.stderr
    assert "1 deselected" in done.stdout
    assert done.stdout.endswith(f"{int(pytest.ExitCode.NO_TESTS_COLLECTED)}\n")
