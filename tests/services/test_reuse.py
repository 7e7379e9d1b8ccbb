"""With --harness-reuse the next run finds the services reset; `harness down` ends them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engine import LABEL_SESSION, connect
from harness.services.containers import list_labelled, role_of
from harness.settings import Settings
from tests.outer import environment, project, run_pytest

pytestmark = pytest.mark.engine

TEST = """
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
    """A project with `reuse`, whose tests run several times."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = project(folder, TEST, 'buckets = ["shared"]\nreuse = true'), root
        (folder / "schema.sql").write_text("CREATE TABLE seen (n int)")

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run pytest. Returns the test's results, and the ids of the containers by role."""
        result = run_pytest(self.folder, self.root, *arguments)
        assert result.returncode == code, result.stdout + result.stderr
        seen = json.loads((self.folder / "seen.json").read_text())
        kept = list_labelled(connect(), {LABEL_SESSION: seen["session"]})
        return {**seen, "ids": {role_of(c): c.id for c in kept if role_of(c) != "sidecar"}}

    def down(self) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "harness", "down"],
            cwd=self.folder,
            env=environment(self.root),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture
def kept(tmp_path: Path, harness_settings: Settings) -> Iterator[Project]:
    project_ = Project(tmp_path / "project", harness_settings.root)
    yield project_
    project_.down()


CLEAN = {"buckets": ["shared"], "objects": [], "rows": 0, "sidecars": 0}


def is_clean(seen: dict[str, Any]) -> bool:
    return {name: seen[name] for name in CLEAN} == CLEAN


def test_the_next_run_reuses_the_reset_services_and_down_removes_them(kept: Project) -> None:
    first, second = kept.run(), kept.run()

    assert second["ids"] == first["ids"]
    assert set(first["ids"]) == {"minio", "postgres", "aws", "relay", "labelling-proxy"}
    assert is_clean(first)
    assert is_clean(second)
    assert second["seconds"] < first["seconds"]
    engine = connect()
    for ident in first["ids"].values():
        assert engine.containers.get(ident).attrs["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")

    output = kept.down()
    assert output.startswith("removed ")
    assert output.count("\n") == 1
    assert list_labelled(engine, {LABEL_SESSION: first["session"]}) == []
    assert not engine.networks.list(filters={"label": f"{LABEL_SESSION}={first['session']}"})
    assert not engine.volumes.list(filters={"label": f"{LABEL_SESSION}={first['session']}"})
    assert kept.down() == "nothing to remove\n"


@pytest.mark.at_length
def test_services_that_do_not_fit_or_have_exited_are_replaced(kept: Project) -> None:
    first = kept.run()

    (kept.folder / "schema.sql").write_text("CREATE TABLE seen (n int, another int)")
    other_schema = kept.run()
    assert other_schema["ids"]["postgres"] == first["ids"]["postgres"]
    assert other_schema["ids"]["minio"] != first["ids"]["minio"]
    assert is_clean(other_schema)

    connect().containers.get(other_schema["ids"]["minio"]).kill()
    after_a_death = kept.run()
    assert after_a_death["ids"]["minio"] != other_schema["ids"]["minio"]
    assert is_clean(after_a_death)

    connect().containers.get(after_a_death["ids"]["postgres"]).kill()
    after_postgres = kept.run()
    assert after_postgres["ids"]["postgres"] != after_a_death["ids"]["postgres"]
    assert is_clean(after_postgres)


@pytest.mark.at_length
def test_a_run_at_the_same_time_has_another_slot(kept: Project) -> None:
    (kept.folder / "project_end.py").write_text(
        "import subprocess, sys; Path('project_end.py').unlink();"
        "subprocess.run([sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', 'test_it.py'], check=True);"
        "assert subprocess.run([sys.executable, '-m', 'harness', 'down']).returncode == 2"
    )
    seen = kept.run()
    assert is_clean(seen)
    everything = [role_of(c) for c in list_labelled(connect(), {LABEL_SESSION: seen["session"]})]
    assert (everything.count("minio"), everything.count("postgres")) == (2, 1)
