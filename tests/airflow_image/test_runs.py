"""Runs in an Airflow image, which is built here."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.airflow.find import describe_image
from harness.airflow.runners.image import create_runner
from harness.engine import LABEL_SESSION, connect
from harness.settings import Settings
from tests.outer import project, run_pytest

pytestmark = pytest.mark.engine

DAG = """
import datetime as dt
import getpass
import os

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import Variable, dag, task

from beside_the_dags import GREETING


@dag(schedule=None, start_date=dt.datetime(2020, 1, 1))
def in_the_image():
    @task(retries=1, retry_delay=dt.timedelta(minutes=5))
    def look(**context):
        if context["ti"].try_number == 1:
            raise ValueError("the first try")
        S3Hook("store").load_string(GREETING, "a.txt", "out")
        names = ("HOME", "AIRFLOW_HOME", "AWS_PROFILE", "OF_THE_RUN")
        return {
            "user": getpass.getuser(),
            "umask": oct(os.umask(0o002)),
            "variables": {name: os.environ[name] for name in names if name in os.environ},
            "limit": Variable.get("limit"),
        }

    look()


in_the_image()
"""
TEST = """
from pathlib import Path

from harness.engine import LABEL_ROLE, LABEL_SESSION, connect


def test_it(world):
    run = world.run("in_the_image", "2021-01-01", environment={"OF_THE_RUN": world.stack.minio.endpoint.url})

    assert world.airflow.image == world.stack.images["airflow"].reference
    home = str(world.folder / "run-1")
    assert run.xcoms["look", "return_value"] == {
        "user": "airflow",
        "umask": "0o2",
        "variables": {"HOME": home, "AIRFLOW_HOME": home, "OF_THE_RUN": f"http://{world.stack.minio.endpoint.internal}"},
        "limit": "5",
    }
    assert run.tasks["look"].tries == 2
    assert [(wait.argument, wait.declared) for wait in run.evidence.capped_waits] == [("retry_delay", 300.0)]
    assert world.read("out", "a.txt") == b"hello"
    assert run.dag_files["in_the_image"] == str(world.settings.dags_folder / "in_the_image.py")
    assert "ValueError: the first try" in run.log
    assert Path(home, "run.log").read_text().count("[DAG TEST] starting task_id=look") == 2
    labels = [f"{LABEL_SESSION}={world.stack.session_id}", f"{LABEL_ROLE}=airflow"]
    assert connect().containers.list(all=True, filters={"label": labels}) == []
"""
TABLE = """
stack = "containers"
waits = "short"
buckets = ["out"]
pythonpath = ["lib"]
variables = {limit = "5"}

[tool.harness.connections]
store = "aws://${minio.access_key}:${minio.secret_key}@/?endpoint_url=${minio.url_quoted}&region_name=${region}"
"""


@pytest.mark.at_length  # in CI, the scenario of the mounted socket uses the same runner
def test_a_run_in_an_image_leaves_the_evidence_of_one_on_this_machine(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    folder = project(tmp_path / "project", TEST, TABLE)
    pyproject = folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("dags_folder", 'dags_folder = "dags"\n# '))
    for name, text in (("dags/in_the_image.py", DAG), ("lib/beside_the_dags.py", 'GREETING = "hello"\n')):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
    done = run_pytest(
        folder, pytestconfig.rootpath, "--harness-airflow-image", "build:3.3.2", more={"AWS_PROFILE": "production"}
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_command_that_takes_too_long_ends_with_its_container(harness_settings: Settings, tmp_path: Path) -> None:
    labels = {LABEL_SESSION: f"tests-{tmp_path.name}"}
    airflow = describe_image(harness_settings, labels)
    runner = create_runner(str(airflow.image), tmp_path, labels)
    code = "import time\ndef hang(): print('begun', flush=True), time.sleep(600)\nhang()"
    env = {"PYTHONFAULTHANDLER": "1", "AIRFLOW_HOME": str(tmp_path)}
    result = runner.execute([str(airflow.python), "-c", code], env, tmp_path, tmp_path / "run.log", 3)
    assert result.exit_code is None
    assert result.log.startswith("begun")
    assert "in hang" in result.log
    assert connect().containers.list(all=True, filters={"label": f"{LABEL_SESSION}={labels[LABEL_SESSION]}"}) == []
