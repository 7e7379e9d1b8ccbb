"""DAG folders after idioms of public repositories: each runs on Airflow 3, or its findings say what to edit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.airflow.dagbag import DagBag, read_dagbag
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.run_environment import run_environment
from harness.airflow.runners.process import execute
from harness.compatibility.find import find_in_broken_files, find_in_running_files
from harness.errors import RunOutcomeError, RunRefusedError
from harness.world import World

FOLDERS = Path(__file__).parent / "folders"
EXPLAINED = ("dataset_schedule", "dbt_cosmos", "first_generation", "jinja_dates", "kubernetes_pod")
DATE = "2024-02-29"

Open = Callable[..., World]


@pytest.fixture
def open_folder(world: World) -> Open:
    """A function that returns the world of a project with this dags folder, by default a folder beside this file."""

    def open_(name: str, root: Path = FOLDERS) -> World:
        return replace(world, settings=world.settings.model_copy(update={"root": root, "dags_folder": root / name}))

    return open_


@pytest.fixture(scope="module")
def explained(harness_airflow: AirflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DagBag]:
    """The folders with findings, read as one dags folder by one start of Airflow."""
    home = tmp_path_factory.mktemp("read")
    dags = home / "dags"
    for name in EXPLAINED:
        shutil.copytree(FOLDERS / name, dags / name, ignore=shutil.ignore_patterns("__pycache__"))
    env = run_environment(harness_airflow, home, dags, f"sqlite:///{home}/airflow.db", {}, {})
    bag = read_dagbag(harness_airflow, dags, env, home, 120, execute)
    assert bag is not None, (home / "dagbag.log").read_text()
    return dags, bag


@pytest.mark.parametrize(
    ("folder", "dag", "environment", "xcoms", "states"),
    [
        pytest.param("sys_path/dags", "invoices", {}, {"add_tax": 242}, {"add_tax": "success"}, id="sys_path"),
        pytest.param("astro_layout/dags", "orders", {}, {"clean": [{"order": 1, "total": 20}]}, {}, id="astro_layout"),
        pytest.param(
            "plugins_folder/dags",
            "weather",
            {},
            {"forecast": "Utrecht on Thursday: rain"},
            {},
            id="plugins_folder",
            marks=pytest.mark.at_length,  # a host of its own; tests/test_declared_project.py has plugins too
        ),
        pytest.param(
            "variables",
            "regions",
            {
                "AIRFLOW_VAR_REGIONS_CONFIG": '{"regions": ["east", "west"], "retries": 0}',
                "AIRFLOW_VAR_REGIONS_UNIT": "kg",
            },
            {"load_east": "east 20240229 kg", "load_west": "west 20240229 kg"},
            {"load_east": "success", "load_west": "success"},
            id="variables",
        ),
        pytest.param(
            "taskflow_main",
            "surveys",
            {},
            {},
            {"choose": "success", "publish": "success", "discard": "skipped", "done": "success"},
            id="taskflow_main",
        ),
    ],
)
def test_runs(
    open_folder: Open,
    folder: str,
    dag: str,
    environment: Mapping[str, str],
    xcoms: Mapping[str, object],
    states: Mapping[str, str],
) -> None:
    run = open_folder(folder).run(dag, DATE, environment=environment)
    assert {task: run.xcoms[task, "return_value"] for task in xcoms} == xcoms
    assert {task: run.tasks[task].state for task in states} == states


def test_a_factory_makes_a_dag_of_each_entry(open_folder: Open) -> None:
    world = open_folder("dag_factory")
    store = world.stack.minio.endpoint
    url = store.url.replace(":", "%3A").replace("/", "%2F")
    form = f"aws://{store.access_key}:{store.secret_key}@/?endpoint_url={url}&region_name=eu-west-1"
    if not world.s3().bucket_exists("exports"):
        world.s3().make_bucket("exports")
    world.run("export_invoices", DATE, connections={"store": form})
    assert world.keys("exports") == ["invoices/20240229.csv"]
    assert world.read("exports", "invoices/20240229.csv") == b"id,customer,amount\n"


def test_a_packaged_dag_runs(open_folder: Open, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "dags" / "shipments"), "zip", FOLDERS / "zip_package")
    assert open_folder("dags", tmp_path).run("shipments", DATE).xcoms["weigh", "return_value"] == 7


def test_a_missing_package_refuses_the_run(open_folder: Open) -> None:
    message = r"2 files are broken: dbt_marts\.py, dbt_staging\.py: .*'cosmos'; dbt_marts\.py:6, dbt_staging\.py:7: "
    with pytest.raises(RunRefusedError, match=f"{message}No module named 'cosmos'; install astronomer-cosmos in "):
        open_folder("dbt_cosmos").run("dbt_marts", DATE)


def test_a_removed_date_explains_the_failure(open_folder: Open) -> None:
    with pytest.raises(RunOutcomeError, match=r"yesterday failed.*; daily_report\.py:26: .*'prev_ds' .* it was the "):
        open_folder("jinja_dates").run("daily_report", DATE)


CONTEXT = "Airflow 3 has no {!r} in a run's context"
IMPORT = "Airflow VERSION has no {}"
OPERATOR = IMPORT.format("airflow.operators.{}")
PARAMETER = "`{}` is removed in Airflow 3.0"
FINDINGS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "dbt_cosmos": {
        "dbt_marts.py:6": ("No module named 'cosmos'", "install astronomer-cosmos"),
        "dbt_staging.py:7": ("No module named 'cosmos'", "install astronomer-cosmos"),
    },
    "kubernetes_pod": {
        "train_model.py:6": (
            IMPORT.format("airflow.kubernetes.secret.Secret"),
            "airflow.providers.cncf.kubernetes.secret",
        ),
        "train_model.py:7": (
            "apache-airflow-providers-cncf-kubernetes is not installed",
            "install apache-airflow-providers-cncf-kubernetes in Airflow's environment, and import it from "
            "airflow.providers.cncf.kubernetes.operators.pod",
        ),
        "train_model.py:18": (CONTEXT.format("next_ds"), "macros.ds_add(ds, 1)"),
    },
    "dataset_schedule": {
        "prices.py:6": (IMPORT.format("airflow.datasets.Dataset"), "`Asset` has been moved to `airflow.sdk`"),
        "prices.py:15": (CONTEXT.format("triggering_dataset_events"), "triggering_asset_events"),
    },
    "jinja_dates": {
        "daily_report.py:12": (CONTEXT.format("next_ds"), "macros.ds_add(ds, 1)"),
        "daily_report.py:17": (IMPORT.format("airflow.utils.dates.days_ago"), "datetime(2021, 1, 1)"),
        "daily_report.py:20": (CONTEXT.format("execution_date"), "logical_date"),
        "daily_report.py:21": ("Airflow 3 has no 'execution_date' in a task instance", "dag_run.logical_date"),
        "daily_report.py:26": (CONTEXT.format("prev_ds"), "macros.ds_add(ds, -1)"),
    },
    "first_generation": {
        "warehouse.py:6": (
            IMPORT.format("airflow.contrib.operators.ssh_operator.SSHOperator"),
            "apache-airflow-providers-ssh",
        ),
        "warehouse.py:7": (OPERATOR.format("dummy_operator.DummyOperator"), "`EmptyOperator`"),
        "warehouse.py:8": (OPERATOR.format("http_operator.SimpleHttpOperator"), "use HttpOperator from"),
        "warehouse.py:9": (OPERATOR.format("postgres_operator.PostgresOperator"), "use SQLExecuteQueryOperator from"),
        "warehouse.py:10": (OPERATOR.format("python_operator.PythonOperator"), "airflow.providers.standard"),
        "warehouse.py:11": (OPERATOR.format("subdag_operator.SubDagOperator"), "use a TaskGroup"),
        "warehouse.py:12": (IMPORT.format("airflow.utils.dates.days_ago"), "datetime(2021, 1, 1)"),
        "warehouse.py:17": (CONTEXT.format("execution_date"), "logical_date"),
        "warehouse.py:22": (PARAMETER.format("schedule_interval"), "`schedule`"),
        "warehouse.py:24": (PARAMETER.format("provide_context"), "leave it out"),
        "warehouse.py:29": (PARAMETER.format("schedule_interval"), "`schedule`"),
        "warehouse.py:35": ('Airflow 3 refuses trigger_rule="dummy"', 'trigger_rule="always"'),
    },
}
"""Folder -> place -> the reason, and what the advice contains."""


@pytest.mark.parametrize("folder", EXPLAINED)
def test_is_explained(harness_airflow: AirflowEnvironment, explained: tuple[Path, DagBag], folder: str) -> None:
    root, bag = explained
    errors = {file: trace for file, trace in bag.errors.items() if f"/{folder}/" in file}
    files = [Path(facts.file) for facts in bag.dags.values() if f"/{folder}/" in facts.file]
    found = (
        *find_in_broken_files(errors, bag.missing_imports, root, harness_airflow),
        *find_in_running_files(files, bag.missing_imports, root, harness_airflow),
    )
    version = harness_airflow.airflow_version
    places = {
        place.partition("/")[2]: (each.what.replace(version, "VERSION"), each.modern)
        for each in found
        for place in each.places
    }
    print(*sorted(f"{place!r}: {finding!r}" for place, finding in places.items()), sep="\n")
    assert {place: what for place, (what, _) in places.items()} == {
        place: what for place, (what, _) in FINDINGS[folder].items()
    }
    assert [place for place, (_, words) in FINDINGS[folder].items() if words not in places[place][1]] == []
