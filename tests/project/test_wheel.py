"""A separate project with the package installed from its wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed import installed_wheel, tracked
from tests.outer import run_pytest

PYPROJECT = """
[tool.harness]
buckets = ["reports"]
region = "eu-central-1"

[tool.harness.databases]
shop = "schema.sql"

[tool.harness.connections]
shop = "${postgres.shop}"

[tool.harness.environment]
STORE = "${minio.internal} ${minio.access_key} ${minio.secret_key}"
DOCKER_HOST = "${relay.docker_host}"
SAID = "${region}"
"""
DAG = """
import datetime as dt
import io
import os
from airflow import DAG
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.standard.operators.python import PythonOperator
from minio import Minio

def report(ds, **_):
    (count,) = PostgresHook("shop").get_first("SELECT sum(price) FROM sold")
    address, user, password = os.environ["STORE"].split()
    text = str(count).encode()
    Minio(address, user, password, secure=False).put_object("reports", ds, io.BytesIO(text), len(text))
    return ["DOCKER_HOST" in os.environ, os.environ["AWS_DEFAULT_REGION"], os.environ["SAID"], os.environ["STACK"]]

with DAG(dag_id="report", start_date=dt.datetime(2020, 1, 1), schedule=None):
    PythonOperator(task_id="report", python_callable=report)
"""
TEST = """
import harness

def test_the_report_is_the_sum(world):
    with world.sql("shop") as connection:
        connection.execute("INSERT INTO sold VALUES (40), (2)")

    run = world.run("report", "2021-01-01")

    assert world.read("reports", "2021-01-01") == b"42"
    assert run.xcoms["report", "return_value"] == [False, "eu-central-1", "eu-central-1", "embedded"]
    assert world.aws.client("s3").meta.region_name == "eu-central-1"
    print("INSTALLED", harness.__file__)
"""
CONFTEST = """
import pytest

@pytest.fixture
def environment(environment, harness_stack):
    return {**environment, "STACK": harness_stack.kind}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The folder into which the wheel of this checkout is installed."""
    return installed_wheel(pytestconfig.rootpath, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_all_files_and_entry_points(installed: Path, pytestconfig: pytest.Config) -> None:
    files = tracked(pytestconfig.rootpath, "harness")
    assert "harness/py.typed" in files
    assert [name for name in files if not (installed / name).exists()] == []
    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "harness = harness.entry" in entry_points.read_text()
    assert "harness = harness.cli:main" in entry_points.read_text()


@pytest.mark.at_length  # tests/docs/test_tutorial.py covers the same path
def test_a_project_with_the_wheel_runs_its_scenario(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "report.py").write_text(DAG)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "schema.sql").write_text("CREATE TABLE sold (price int)")
    (tmp_path / "test_it.py").write_text(TEST)

    done = run_pytest(tmp_path, installed, "-q", "-s", "--harness-stack", "embedded")

    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert f"INSTALLED {installed}" in done.stdout
