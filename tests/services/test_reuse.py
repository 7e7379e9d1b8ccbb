"""--harness-reuse: the next test run finds the services ready and clean; `harness down` removes them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine import LABEL_SESSION, connect
from harness.services.containers import labelled, role_of
from harness.settings import Settings
from tests.outer import environment, project, run_pytest

pytestmark = pytest.mark.engine

SEEN = """
import io, json, time
from pathlib import Path
import docker, pytest

pytest_plugins = []

@pytest.fixture(scope="session")
def databases():
    return {"rows": Path("schema.sql").read_text()}

@pytest.fixture(scope="session", autouse=True)
def began():
    return time.monotonic()

def test_it(harness_stack, began):
    seconds = time.monotonic() - began
    through_relay = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    s3 = harness_stack.minio.client()
    with harness_stack.postgres.connect("rows") as connection:
        Path("seen.json").write_text(json.dumps({
            "seconds": seconds,
            "session": harness_stack.session_id,
            "buckets": [bucket.name for bucket in s3.list_buckets()],
            "objects": [entry.object_name for entry in s3.list_objects("shared", recursive=True)],
            "rows": connection.execute("SELECT count(*) FROM seen").fetchone()[0],
            "sidecars": len(through_relay.containers.list(all=True, filters={"label": "airflow-harness.role=sidecar",
                                                          "network": harness_stack.network})),
        }))
        connection.execute("INSERT INTO seen VALUES (1)")
    s3.put_object("shared", "left", io.BytesIO(b"x"), 1)
    s3.make_bucket("more")
    image, network = harness_stack.images["python"].reference, harness_stack.network
    through_relay.containers.run(image, ["sleep", "600"], detach=True, network=network)
    through_relay.networks.create("left-by-a-dag")
    Path("project_end.py").exists() and exec(Path("project_end.py").read_text())
"""


class Project:
    """A project of its own, of which several test runs are made."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = project(folder, SEEN, 'buckets = ["shared"]\nreuse = true'), root
        (folder / "schema.sql").write_text("CREATE TABLE seen (n int)")

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """What the test saw, and the ids of the containers by role afterwards."""
        done = run_pytest(self.folder, self.root, *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        seen = json.loads((self.folder / "seen.json").read_text())
        kept = labelled(connect(), {LABEL_SESSION: seen["session"]})
        return {**seen, "ids": {role_of(c): c.id for c in kept if role_of(c) != "sidecar"}}

    def down(self) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "harness", "down"],
            cwd=self.folder,
            env=environment(self.root),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def kept(tmp_path: Path, harness_settings: Settings) -> Iterator[Project]:
    made = Project(tmp_path / "project", harness_settings.root)
    yield made
    made.down()


CLEAN = {"buckets": ["shared"], "objects": [], "rows": 0, "sidecars": 0}


def clean(seen: dict[str, Any]) -> bool:
    return {name: seen[name] for name in CLEAN} == CLEAN


def test_the_next_run_finds_everything_ready_and_clean_and_down_removes_it(kept: Project) -> None:
    first, second = kept.run(), kept.run()

    assert second["ids"] == first["ids"]
    assert set(first["ids"]) == {"minio", "postgres", "aws", "relay", "labelling-proxy"}
    assert clean(first)
    assert clean(second)
    assert second["seconds"] < first["seconds"]
    engine = connect()
    for ident in first["ids"].values():
        assert engine.containers.get(ident).attrs["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")

    told = kept.down()
    assert told.startswith("removed ")
    assert told.count("\n") == 1
    assert labelled(engine, {LABEL_SESSION: first["session"]}) == []
    assert not engine.networks.list(filters={"label": f"{LABEL_SESSION}={first['session']}"})
    assert not engine.volumes.list(filters={"label": f"{LABEL_SESSION}={first['session']}"})
    assert kept.down() == "nothing was kept\n"


@pytest.mark.at_length
def test_what_does_not_do_any_more_is_made_anew(kept: Project) -> None:
    first = kept.run()

    (kept.folder / "schema.sql").write_text("CREATE TABLE seen (n int, another int)")
    other_schema = kept.run()
    assert other_schema["ids"]["postgres"] == first["ids"]["postgres"]
    assert other_schema["ids"]["minio"] != first["ids"]["minio"]
    assert clean(other_schema)

    connect().containers.get(other_schema["ids"]["minio"]).kill()
    after_a_death = kept.run()
    assert after_a_death["ids"]["minio"] != other_schema["ids"]["minio"]
    assert clean(after_a_death)

    connect().containers.get(after_a_death["ids"]["postgres"]).kill()
    after_postgres = kept.run()
    assert after_postgres["ids"]["postgres"] != after_a_death["ids"]["postgres"]
    assert clean(after_postgres)


@pytest.mark.at_length
def test_another_run_at_the_same_time_has_a_slot_of_its_own(kept: Project) -> None:
    (kept.folder / "project_end.py").write_text(
        "import subprocess, sys; Path('project_end.py').unlink();"
        "subprocess.run([sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', 'test_it.py'], check=True);"
        "assert subprocess.run([sys.executable, '-m', 'harness', 'down']).returncode == 2"
    )
    seen = kept.run()
    assert clean(seen)
    everything = [role_of(c) for c in labelled(connect(), {LABEL_SESSION: seen["session"]})]
    assert (everything.count("minio"), everything.count("postgres")) == (2, 1)
