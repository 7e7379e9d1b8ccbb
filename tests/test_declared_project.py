"""A project in the layout of `astro dev init` and a plain Airflow home, with all that it can declare for Airflow."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.airflow.runners import Execute, process
from harness.errors import SettingsError
from harness.settings import Settings
from harness.templating import render_project, template_values
from harness.world import World
from tests.outer import environment

PYPROJECT = """
[tool.harness]
pythonpath = ["lib"]
pass_environment = ["SSL_CERT_FILE", "NOT_SET_HERE"]

[tool.harness.variables]
limits = '{"rows": 3, "folder": "${root}"}'

[tool.harness.pools]
narrow = 2
default_pool = 5

[tool.harness.config]
core.parallelism = 7

[tool.harness.environment]
SHOP = "${postgres.shop}"

[tool.harness.connections]
shop = "${postgres.shop}"
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "lib/prices.py": "LOW = 1",
    "include/queries.py": "TOP = 2",
    "dags/beside.py": "SIBLING = 3",
    "dags/email.py": "raise ImportError('a DAG file shadows the standard library')",
    "dags/.airflowignore": "email.py\n",
    "config/airflow_local_settings.py": "def task_policy(task):\n    task.owner = 'policy'\n",
    "plugins/own_plugin.py": """
from airflow.plugins_manager import AirflowPlugin

def shout(text):
    return text.upper()

class Own(AirflowPlugin):
    name = "own"
    macros = [shout]
""",
    "dags/declared.py": """
import datetime as dt
import email
import json
import os

from airflow import DAG
from airflow.configuration import conf
from airflow.models import Variable
from airflow.providers.standard.operators.python import PythonOperator

from beside import SIBLING
from include.queries import TOP
from own_plugin import shout
from prices import LOW

TOP_LEVEL = [Variable.get("limits", deserialize_json=True)["rows"], os.environ["SHOP"][:13]]

def work(macro, **context):
    return [TOP_LEVEL, macro, LOW, TOP, SIBLING, context["task"].owner, conf.getint("core", "parallelism"),
            Variable.get("limits", deserialize_json=True)["folder"], os.environ["SSL_CERT_FILE"]]

with DAG("declared", schedule=None, start_date=dt.datetime(2020, 1, 1)):
    PythonOperator(
        task_id="work", python_callable=work, op_kwargs={"macro": "{{ macros.own.shout('said') }}"}, pool="narrow"
    )
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("declared")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder.resolve()


@pytest.fixture
def declared(world: World, project: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of the project, with the services of this session."""
    monkeypatch.setenv("SSL_CERT_FILE", "/certificates")
    settings = Settings.load(project, (), {}, {})
    values = {**template_values(world.stack, project), "postgres.shop": "postgresql://shop"}
    shop = {"SHOP": "postgresql://shop"}
    rendered = render_project(settings, values, engine=False)
    return dataclasses.replace(world, settings=settings, declared=rendered, environment=shop, connections={})


@pytest.mark.one_runner
def test_list_reads_the_folder_as_a_run_does(project: Path, pytestconfig: pytest.Config) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "list", "--json"],
        cwd=project,
        env=environment(pytestconfig.rootpath),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    listed = json.loads(done.stdout)
    assert listed["errors"] == {}
    assert listed["dags"].keys() == {"declared"}
    assert done.returncode == 0


@pytest.mark.one_runner
@pytest.mark.parametrize("runner", [pytest.param("process", marks=pytest.mark.at_length), "the session's"])
def test_a_run_has_all_that_its_project_declares(
    declared: World, project: Path, harness_execute: Execute, runner: str
) -> None:
    execute = process.execute if runner == "process" else harness_execute
    run = dataclasses.replace(declared, execute=execute).run("declared", "2021-01-01")
    top_level = [3, "postgresql://"]
    assert run.xcoms["work", "return_value"] == [
        *(top_level, "SAID", 1, 2, 3, "policy", 7, str(project), "/certificates"),
    ]


def test_pools_exist_before_a_run(declared: World) -> None:
    with declared.metadata() as database:
        assert database.execute("SELECT pool, slots FROM slot_pool ORDER BY pool").fetchall() == [
            ("default_pool", 5),
            ("narrow", 2),
        ]


@pytest.mark.parametrize("where", ["the fixture", "the run"])
def test_a_list_of_bundles_is_refused_with_either_runner(declared: World, where: str) -> None:
    bundles = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": "[]"}
    world = dataclasses.replace(declared, environment=bundles if where == "the fixture" else {})
    with pytest.raises(SettingsError, match="a run reads one folder of DAGs, so remove it and set dags_folder"):
        world.run("declared", "2021-01-01", environment=bundles if where == "the run" else {})
