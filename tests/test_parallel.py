"""Two workers give the results of one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.settings import Settings
from tests.outer import project, run_pytest

pytestmark = pytest.mark.engine

SCENARIOS = """
import io, json, pytest
from pathlib import Path

@pytest.mark.parametrize("number", range(2))
def test_it(world, number):
    # All use the same names; none may see what another one did.
    assert world.s3().bucket_exists("shared")
    world.s3().put_object("shared", "key", io.BytesIO(b"%d" % number), 1)
    with world.sql("rows") as connection:
        connection.execute("INSERT INTO seen VALUES (%s)", [number])
    run = world.run("hello", "2021-01-01")
    with world.sql("rows") as connection:
        seen = connection.execute("SELECT array_agg(n) FROM seen").fetchone()[0]
    left = {
        "seen": seen,
        "evidence": world.evidence.as_json(),
        "tasks": {name: [task.state, task.tries] for name, task in run.tasks.items()},
        "xcoms": {"/".join(key): value for key, value in run.xcoms.items()},
    }
    left["evidence"].pop("warnings")
    Path(f"left-{number}.json").write_text(json.dumps(left))
"""
CONFTEST = """
import pytest
pytest_plugins = ["harness.plugin"]

@pytest.fixture(scope="session")
def databases():
    return {"rows": "CREATE TABLE seen (n int)"}
"""


def left_by(folder: Path, settings: Settings, workers: str) -> dict[str, Any]:
    project(folder, SCENARIOS, 'buckets = ["shared"]')
    (folder / "conftest.py").write_text(CONFTEST)
    done = run_pytest(folder, settings.root, "-n", workers)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    return {file.name: json.loads(file.read_text()) for file in sorted(folder.glob("left-*.json"))}


def test_two_workers_leave_what_one_process_leaves(tmp_path: Path, settings: Settings) -> None:
    alone = left_by(tmp_path / "alone", settings, "0")
    together = left_by(tmp_path / "together", settings, "2")
    assert len(alone) == 2
    assert alone["left-1.json"]["seen"] == [1]
    assert together == alone
