"""Scenarios that all use the same names: each must find only its own data.

Each scenario writes its results to a JSON file in the folder BENCH_SEEN, the names of its session and stack to files in
`sessions` and `stacks` there, and the seconds of its runs to `seconds`: a file for each worker, a line for each run.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.run import Run
from harness.services.stack import Stack
from harness.world import World

SEEN = Path(os.environ["BENCH_SEEN"])
MEETING = range(100, 112)
SIDECARS = range(200, 204)


@pytest.fixture(scope="session")
def databases() -> Mapping[str, str]:
    return {"rows": "CREATE TABLE seen (n int)"}


@pytest.fixture
def connections(harness_stack: Stack) -> Mapping[str, str]:
    s3 = harness_stack.minio.endpoint
    return {
        "s3": f"aws://{s3.access_key}:{s3.secret_key}@/?endpoint_url={quote(s3.url, safe='')}",
        "rows": harness_stack.postgres.url("rows"),
    }


@pytest.fixture
def environment(harness_stack: Stack) -> Mapping[str, str]:
    image = harness_stack.images["python"].reference
    return {
        "AWS_ENDPOINT_URL": harness_stack.aws.url,
        "DOCKER_HOST": harness_stack.relay.docker_host,
        "SOAK_IMAGE": image,
    }


@pytest.fixture(autouse=True)
def known(harness_stack: Stack) -> None:
    for folder, name in (("sessions", harness_stack.session_id), ("stacks", harness_stack.stack_id)):
        (SEEN / folder).mkdir(parents=True, exist_ok=True)
        (SEEN / folder / name).touch()


def note_seconds(run: Run) -> None:
    folder = SEEN / "seconds"
    folder.mkdir(exist_ok=True)
    with (folder / os.environ.get("PYTEST_XDIST_WORKER", "alone")).open("a") as file:
        file.write(f"{run.dag_id} {run.seconds:.3f}\n")


@pytest.mark.parametrize("number", MEETING)
def test_meet(world: World, number: int) -> None:
    """Run twice in a row: the second run finds the data of the first one, and nothing else."""
    world.s3().put_object("shared", "seed", io.BytesIO(b"%d" % number), 3)
    results = []
    for _ in range(2):
        run = world.run("meet", "2021-01-01", environment={"SOAK_NUMBER": str(number)})
        note_seconds(run)
        results.append(run.xcoms["meet", "return_value"])
        with world.sql("rows") as connection:
            rows = [n for (n,) in connection.execute("SELECT n FROM seen")]
        assert set(rows) == {number}
        assert world.keys("shared") == ["key", "seed"]
        assert world.read("shared", "key") == world.read("shared", "seed") == b"%d" % number
        (SEEN / f"meet-{number}.json").write_text(json.dumps({"results": results, "rows": rows}))
        if len(results) == 1:
            assert results == [{"rows": [], "keys": ["seed"], "messages": [str(number)]}]
            world.s3().remove_object("shared", "key")
    assert results[1] == {"rows": [number], "keys": ["seed"], "messages": [str(number)]}
    assert world.evidence.sidecars == ()


@pytest.mark.parametrize("number", SIDECARS)
def test_sidecar(world: World, number: int) -> None:
    note_seconds(world.run("sidecar", "2021-01-01", environment={"SOAK_NUMBER": str(number)}))
    (sidecar,) = world.evidence.sidecars
    assert (sidecar.exit_code, sidecar.output.strip()) == (0, str(number))
    assert world.evidence.objects == {"shared": {}}
    (SEEN / f"sidecar-{number}.json").write_text(json.dumps({"output": sidecar.output, "exit": sidecar.exit_code}))
