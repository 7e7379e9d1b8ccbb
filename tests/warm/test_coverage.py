"""The warm runner and the process runner measure the same lines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from coverage import Coverage

from harness.dag_coverage import measure_commands, write_settings
from tests.warm.stub import HERE, Place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")

MODULE = """import sys

def work():
    return sys.argv[1:]

def idle():
    return None

print("argv", work(), sys.path[0])
raise SystemExit(3)
"""


def test_a_run_leaves_the_lines_that_it_executed(stub_both: Place, tmp_path: Path) -> None:
    home = stub_both.home()
    (home / "probe.py").write_text(MODULE)
    own = Coverage(source=[str(home)], data_file=str(tmp_path / ".coverage"), config_file=False)
    execute = measure_commands(stub_both.execute, HERE, write_settings(own, tmp_path, tmp_path), pytest.fail)

    done = execute(
        [sys.executable, "-m", "probe", "a"], stub_both.environment(home), home, home / "run.log", timeout=60
    )

    assert (done.exit_code, done.log.strip()) == (3, f"argv ['a'] {home}")
    own.combine()
    assert own.get_data().lines(str(home / "probe.py")) == [1, 3, 4, 6, 9, 10]
