"""DAG folders in the styles of 2020 to 2025: each runs, or has its compatibility findings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.airflow.dagbag import DagBag, read_dagbag, summarise_errors
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.run_environment import run_environment
from harness.airflow.runners.process import execute
from harness.compatibility.context_names import GONE
from harness.compatibility.find import find_in_broken_files, find_in_running_files
from harness.errors import RunOutcomeError, RunRefusedError
from harness.world import World

FOLDERS = Path(__file__).parent / "folders"
DATE = "2099-01-01"
"""Later than any start_date, including one relative to today."""

IMPORTS_OF_2 = "import these names from airflow, airflow.models or airflow.decorators"

Open = Callable[[str], World]


@pytest.fixture
def open_folder(world: World) -> Open:
    """A function that returns a world with the named folder as its dags folder."""
    return lambda name: replace(world, settings=world.settings.model_copy(update={"dags_folder": FOLDERS / name}))


@pytest.fixture(scope="module")
def every(harness_airflow: AirflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> DagBag:
    """All folders in one DAG bag, except helper_package, which imports from its own folder."""
    home = tmp_path_factory.mktemp("read")
    dags = home / "folders"
    shutil.copytree(FOLDERS, dags, ignore=shutil.ignore_patterns("helper_package", "__pycache__"))
    env = run_environment(harness_airflow, home, dags, f"sqlite:///{home}/airflow.db", {}, {})
    folder = read_dagbag(harness_airflow, dags, env, home, 120, execute)
    assert folder is not None, (home / "dagbag.log").read_text()
    return folder


def find_root(folder: DagBag) -> Path:
    return next(Path(facts.file).parents[1] for facts in folder.dags.values())


def test_broken_files_are_found(harness_airflow: AirflowEnvironment, every: DagBag) -> None:
    broken = {Path(file).parent.name for file in summarise_errors(every)}
    assert broken == {
        "old_docker",
        "old_providers",
        "same_id",
        "airflow_1_10" if harness_airflow.major >= 3 else "airflow_3",
    }


def test_each_finding_has_its_lines_and_the_modern_form(harness_airflow: AirflowEnvironment, every: DagBag) -> None:
    broken = find_in_broken_files(every.errors, every.missing_imports, find_root(every), harness_airflow)
    findings = {place: (each.what, each.modern) for each in broken for place in each.places}
    amazon = f"apache-airflow-providers-amazon {harness_airflow.packages['apache-airflow-providers-amazon']}"
    on_both_lines = {
        "old_docker/count_words.py:9": ("DockerOperator refuses auto_remove=True", 'write auto_remove="success"'),
        "old_providers/train.py:6": modern(amazon, "s3_copy_object", "S3CopyObjectOperator", "s3"),
        "old_providers/train.py:7": modern(amazon, "sagemaker_training", "SageMakerTrainingOperator", "sagemaker"),
    }
    other = {place: finding for place, finding in findings.items() if place not in on_both_lines}
    assert {place: finding for place, finding in findings.items() if place not in other} == on_both_lines
    assert {place.partition("/")[0] for place in other} == {
        "airflow_1_10" if harness_airflow.major >= 3 else "airflow_3"
    }
    lines = {place.rpartition(":")[2]: finding for place, finding in other.items()}
    if harness_airflow.major >= 3:
        assert lines.keys() == {"6", "7", "8", "21", "22", "26"}
        assert "`EmptyOperator` from `airflow.providers.standard.operators.empty`" in lines["6"][1]
        assert "`PythonOperator` from `airflow.providers.standard.operators.python`" in lines["7"][1]
        assert lines["8"][1] == "write a date: datetime(2021, 1, 1)"
        assert "`schedule`" in lines["21"][1]
        assert "`max_active_tasks`" in lines["22"][1]
    else:
        assert lines == {"5": ("airflow.sdk needs Airflow 3", IMPORTS_OF_2)}


def modern(provider: str, module: str, name: str, now: str) -> tuple[str, str]:
    operators = "airflow.providers.amazon.aws.operators"
    return f"{provider} has no {operators}.{module}.{name}", f"import it from {operators}.{now}"


def test_findings_that_fail_only_at_run_time(harness_airflow: AirflowEnvironment, every: DagBag) -> None:
    files = [Path(facts.file) for facts in every.dags.values()]
    findings = find_in_running_files(files, every.missing_imports, find_root(every), harness_airflow)
    places = {each.what: (each.modern, each.places) for each in findings}
    lines = ("execution_date/by_date.py:11", "execution_date/by_date.py:16")
    expected = {
        "Airflow 3 has no 'execution_date' in a run's context": ("use logical_date", lines),
        "Airflow 3 has no 'prev_ds' in a run's context": (GONE["prev_ds"], lines[1:]),
    }
    assert places == (expected if harness_airflow.major >= 3 else {})


def test_an_endpoint_in_the_connections_extra(open_folder: Open, store: Mapping[str, str]) -> None:
    world = open_folder("connection_form")
    host = store["url"].replace(":", "%3A").replace("/", "%2F")
    form = f"aws://{store['user']}:{store['password']}@/?host={host}&endpoint_url={host}&region_name=eu-west-1"
    world.run("rooms_to_store", DATE, connections={"store": form})
    assert world.read("rooms", f"rooms-{DATE}.csv") == b"room,price\n1,40\n2,65\n"


def test_buckets_and_connections_with_other_names(open_folder: Open, store: Mapping[str, str]) -> None:
    world = open_folder("own_names")
    form = f"http://{store['user']}:{store['password']}@{store['url'].removeprefix('http://')}"
    world.run("other_names", DATE, connections={"lodging_store": form})
    assert world.read("lodgings-clean", DATE) == b"a\nb\nlodgings/cleaner:7"


def test_packages_next_to_the_dags(open_folder: Open) -> None:
    run = open_folder("helper_package").run("with_helpers", DATE)
    assert run.xcoms["shout", "return_value"] == "GOOD MORNING, HARBOUR"


def test_a_dag_of_airflow_1_10(open_folder: Open) -> None:
    world = open_folder("airflow_1_10")
    if world.airflow.major >= 3:
        with pytest.raises(
            RunRefusedError, match=r"weekly_report\.py: ModuleNotFoundError.*6: .*DummyOperator.* more: "
        ):
            world.run("weekly_report", DATE)
    else:
        assert world.run("weekly_report", DATE).xcoms["count", "return_value"] == 3


def test_a_dag_of_airflow_3(open_folder: Open) -> None:
    world = open_folder("airflow_3")
    if world.airflow.major >= 3:
        assert world.run("harvest", DATE).xcoms["total", "return_value"] == 8
        assert world.run("sell", DATE).xcoms["sell", "return_value"] == "sold"
    else:
        with pytest.raises(RunRefusedError, match=r"harvest\.py: ModuleNotFoundError: No module named 'airflow\.sdk'"):
            world.run("harvest", DATE)


def test_the_old_name_of_the_runs_date(open_folder: Open) -> None:
    world = open_folder("execution_date")
    if world.airflow.major >= 3:
        with pytest.raises(RunOutcomeError, match=r"by_date\.py:11, .*'execution_date'.*use logical_date"):
            world.run("by_date", DATE)
    else:
        assert world.run("by_date", DATE).xcoms["name_the_day", "return_value"] == "Thursday"


@pytest.mark.parametrize(
    ("folder", "dag", "message"),
    [
        ("old_providers", "train", r"s3_copy_object.*train\.py:6: .*import it from .*operators\.s3 \(and 1 more"),
        ("old_docker", "count_words", r'count_words\.py:9: .*auto_remove=True; write auto_remove="success"'),
    ],
)
def test_findings_on_both_airflow_lines(open_folder: Open, folder: str, dag: str, message: str) -> None:
    with pytest.raises(RunRefusedError, match=message):
        open_folder(folder).run(dag, DATE)


def test_two_dags_with_one_id_are_an_error(every: DagBag) -> None:
    (message,) = (error for file, error in summarise_errors(every).items() if "same_id" in file)
    assert "DuplicatedId" in message
    assert "also found in" in message


@pytest.fixture
def store(world: World) -> Mapping[str, str]:
    endpoint = world.stack.minio.endpoint
    return {"url": endpoint.url, "user": endpoint.access_key, "password": endpoint.secret_key}
