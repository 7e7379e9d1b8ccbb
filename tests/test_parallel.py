"""Two workers give the results of one process; a crashed worker's stack is taken over."""

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
from pydantic_core import to_jsonable_python

@pytest.mark.parametrize("number", range(2))
def test_it(world, number):
    # All scenarios use the same names, but must not see each other's data.
    assert world.s3().bucket_exists("shared")
    world.s3().put_object("shared", "key", io.BytesIO(b"%d" % number), 1)
    with world.sql("rows") as connection:
        connection.execute("INSERT INTO seen VALUES (%s)", [number])
    run = world.run("hello", "2021-01-01")
    with world.sql("rows") as connection:
        seen = connection.execute("SELECT array_agg(n) FROM seen").fetchone()[0]
    left = {
        "seen": seen,
        "evidence": to_jsonable_python(world.evidence),
        "tasks": {name: [task.state, task.tries] for name, task in run.tasks.items()},
        "xcoms": {"/".join(key): value for key, value in run.xcoms.items()},
    }
    Path(f"left-{number}.json").write_text(json.dumps(left))
    place = {"stack": world.stack.stack_id, "postgres": world.stack.postgres.url("postgres")}
    Path(f"place-{number}.json").write_text(json.dumps(place))
"""
CONFTEST = """
import pytest
pytest_plugins = ["harness.plugin"]

@pytest.fixture(scope="session")
def databases():
    return {"rows": "CREATE TABLE seen (n int)"}
"""


def run_scenarios(folder: Path, settings: Settings, workers: str) -> dict[str, Any]:
    project(folder, SCENARIOS, 'buckets = ["shared"]')
    (folder / "conftest.py").write_text(CONFTEST)
    done = run_pytest(folder, settings.root, "-n", workers)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    return read(folder, "left-*.json")


def read(folder: Path, pattern: str) -> dict[str, Any]:
    return {file.name: json.loads(file.read_text()) for file in sorted(folder.glob(pattern))}


@pytest.mark.at_length  # `make soak-ci` checks the same with four workers
def test_two_workers_leave_what_one_process_leaves(tmp_path: Path, harness_settings: Settings) -> None:
    alone = run_scenarios(tmp_path / "alone", harness_settings, "0")
    together = run_scenarios(tmp_path / "together", harness_settings, "2")
    assert len(alone) == 2
    assert alone["left-1.json"]["seen"] == [1]
    assert together == alone
    places = read(tmp_path / "together", "place-*.json").values()
    assert len({place["postgres"] for place in places}) == 1, "all workers share one Postgres server"
    assert {place["stack"].rpartition("-")[2] for place in places} <= {"0", "1"}


CRASH = """
import json, os, pytest
from pathlib import Path
from harness.services.containers import list_labelled
from harness.engine import LABEL_SESSION, connect
from harness.services import reaper

reaper.GRACE = "500ms"  # shorter than the start of the next worker, so the controller must keep the session alive

@pytest.mark.parametrize("number", range(2))
def test_it(harness_stack, number):
    mine = sorted(c.id for c in list_labelled(connect(), {LABEL_SESSION: harness_stack.session_id}))
    buckets = [bucket.name for bucket in harness_stack.minio.client().list_buckets()]
    Path(f"seen-{number}.json").write_text(json.dumps({"worker": os.getpid(), "containers": mine, "buckets": buckets}))
    harness_stack.minio.client().make_bucket("left-behind")
    if number == 0:
        os._exit(1)
"""


@pytest.mark.at_length
def test_the_next_worker_takes_over_a_crashed_workers_stack(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, CRASH, 'buckets = ["shared"]')
    done = run_pytest(folder, harness_settings.root, "-n", "1")
    assert "1 failed, 1 passed" in done.stdout, done.stdout

    crashed, successor = read(folder, "seen-*.json").values()
    assert successor["worker"] != crashed["worker"]
    assert successor["containers"] == crashed["containers"]
    assert successor["buckets"] == ["shared"]
