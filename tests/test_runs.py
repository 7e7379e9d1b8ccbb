"""A run, its result, and the environment that a DAG sees."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from harness.airflow import metadata
from harness.airflow.environments import AirflowEnvironment
from harness.errors import RunOutcomeError, RunRefusedError
from harness.evidence.objects import StoredObject
from harness.run import Run
from harness.services.stack import Stack
from harness.settings import Settings
from harness.world import World

pytestmark = pytest.mark.engine

EXAMPLES = Path(__file__).parent / "example_dags"


def with_dags(world: World, folder: Path) -> World:
    return dataclasses.replace(world, settings=world.settings.model_copy(update={"dags_folder": folder}))


@pytest.fixture
def examples(world: World) -> World:
    return with_dags(world, EXAMPLES)


def test_the_result_of_a_run(examples: World) -> None:
    run = examples.run("hello", "2021-01-01")

    assert examples.runs == [run]
    assert examples.evidence is run.evidence
    assert (run.state, run.exit_code, run.failure, run.refused) == ("success", 0, None, None)
    assert {name: (task.state, task.tries) for name, task in run.tasks.items()} == {
        "answer": ("success", 1),
        "second_try": ("success", 2),
    }
    assert all(task.duration is not None and task.duration >= 0 for task in run.tasks.values())
    assert run.xcoms["answer", "return_value"] == {"answer": 42}
    assert "hello from the task" in run.log
    assert run.seconds > 0


def test_a_dag_sees_no_variables_of_the_user(examples: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a real one")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/elsewhere")

    run = examples.run("looks_around", "2021-01-01")

    seen = json.loads(run.xcoms["look", "return_value"])
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY"} & set(seen["environment"])
    assert seen["environment"]["AIRFLOW__CORE__DAGS_FOLDER"] == str(EXAMPLES)
    assert seen["environment"]["AWS_ACCESS_KEY_ID"] == "testing"
    assert seen["home"] == str(examples.folder / "run-1")
    # AWS calls without a connection go to the AWS mock, not to the cloud.
    assert seen["s3"] == examples.stack.aws.url


TRIGGERS_ITSELF = """
import datetime as dt
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

def trigger(dag, **context):
    # What the operator does on 2.11 if the database has the DAG, which `dags test` does not record there.
    now = dt.datetime.now(dt.timezone.utc)
    dag.create_dagrun(run_id=f"manual__{now}", execution_date=now, state="queued", external_trigger=True)

with DAG("again", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)) as dag:
    if hasattr(dag, "create_dagrun"):
        PythonOperator(task_id="trigger", python_callable=trigger)
    else:
        TriggerDagRunOperator(task_id="trigger", trigger_dag_id="again")
"""


def test_a_dag_that_triggers_itself(world: World, tmp_path: Path) -> None:
    """The triggered run stays queued, because no scheduler is running; it is not the run under test."""
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "again.py").write_text(TRIGGERS_ITSELF)
    again = with_dags(world, folder)
    with again.metadata():
        for _ in range(2):  # the second run finds both runs of the first
            run = again.run("again", "2021-01-01")
            assert (run.state, run.failure) == ("success", None)
            assert {name: task.state for name, task in run.tasks.items()} == {"trigger": "success"}


def test_an_expected_failure_that_succeeds_fails_the_scenario(examples: World) -> None:
    with pytest.raises(RunOutcomeError, match="succeeded, although the scenario expects it to fail"):
        examples.run("hello", "2021-01-01", expect="failure")


def test_an_unknown_dag_is_refused_with_the_known_dags(examples: World) -> None:
    with pytest.raises(RunRefusedError) as refused:
        examples.run("helo", "2021-01-01")
    assert str(refused.value) == f"DAG 'helo' is not in {EXAMPLES}, which holds: hello, looks_around"


def test_a_broken_dag_file_shows_its_error(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "broken.py").write_text("from airflow import DAG\nimport no_such_module\n")
    with pytest.raises(RunRefusedError) as refused:
        with_dags(world, folder).run("broken", "2021-01-01")
    message = str(refused.value)
    assert "broken.py: ModuleNotFoundError: No module named 'no_such_module'" in message
    assert "line 2" in message
    assert "\n" not in message


def test_a_run_that_times_out_is_a_failure(examples: World, tmp_path: Path) -> None:
    run = examples.run("hello", "2021-01-01", expect="failure", timeout=0.05)
    assert (
        run.failure
        == "timed out after 0.05 s; raise HARNESS_RUN_TIMEOUT or world.run(timeout=...) if the DAG needs longer"
    )


@pytest.fixture
def template(harness_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new name for the template, because other workers may use the existing template."""
    name = harness_stack.postgres.scratch_name()
    monkeypatch.setattr(metadata, "template_name", lambda airflow: name)
    yield name
    harness_stack.postgres.drop(name)


def test_the_migrated_template_is_restored_from_the_cache(
    harness_airflow: AirflowEnvironment, harness_stack: Stack, harness_settings: Settings, tmp_path: Path, template: str
) -> None:
    """With the dump in the cache folder, no migration runs."""
    assert metadata.dump_file(harness_airflow, harness_stack.postgres, harness_settings.cache_dir).exists()

    metadata.ensure_template(harness_airflow, harness_stack.postgres, harness_settings.cache_dir, tmp_path)

    assert harness_stack.postgres.exists(template)
    assert not (tmp_path / "migrate.log").exists()


def test_a_damaged_dump_is_replaced_by_a_migration(
    harness_airflow: AirflowEnvironment, harness_stack: Stack, tmp_path: Path, template: str
) -> None:
    cache = tmp_path / "cache"
    damaged = metadata.dump_file(harness_airflow, harness_stack.postgres, cache)
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"PGDMP broken")

    metadata.ensure_template(harness_airflow, harness_stack.postgres, cache, tmp_path)

    assert harness_stack.postgres.exists(template)
    assert (tmp_path / "migrate.log").exists(), "the migration ran"
    assert damaged.stat().st_size > 10_000


def test_refused_runs_are_listed_separately(examples: World) -> None:
    for date in ("nonsense", "more nonsense"):
        with pytest.raises(RunRefusedError, match="is not a date"):
            examples.run("hello", date)
    assert [(run.dag_id, run.date) for run in examples.runs] == [("hello", "nonsense"), ("hello", "more nonsense")]


def test_a_refused_attempt_stays_before_a_later_run_of_the_same_dag_and_date(examples: World) -> None:
    with pytest.raises(RunRefusedError, match="DOCKER_HOST is not an address"):
        examples.run("hello", "2021-01-01", environment={"DOCKER_HOST": "nonsense://"})
    run = examples.run("hello", "2021-01-01")

    assert examples.runs == [
        Run("hello", "2021-01-01", refused="DOCKER_HOST is not an address: write tcp://HOST:PORT or unix:///PATH"),
        run,
    ]
    assert not examples.runs[0].succeeded
    assert run.succeeded
    assert examples.evidence is run.evidence


def test_an_interrupted_attempt_is_listed(examples: World) -> None:
    def interrupted(*arguments: object) -> NoReturn:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataclasses.replace(examples, execute=interrupted).run("hello", "2021-01-01")
    assert examples.runs == [Run("hello", "2021-01-01", refused="interrupted")]
    with pytest.raises(LookupError, match="no run was completed yet"):
        _ = examples.evidence


def test_evidence_holds_sizes_and_digests(examples: World) -> None:
    examples.s3().put_object("data", "a/b", io.BytesIO(b"abc"), 3)
    run = examples.run("hello", "2021-01-01")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert run.evidence.objects["data"] == {"a/b": StoredObject(3, digest)}


def test_rows_of_watched_tables_are_evidence(examples: World) -> None:
    with examples.sql("insideairbnb") as connection:
        connection.execute("CREATE TABLE prices (id int, price int); INSERT INTO prices VALUES (10, 5), (9, NULL)")
    watching = examples.settings.model_copy(update={"watch": ("insideairbnb.prices",)})

    run = dataclasses.replace(examples, settings=watching).run("hello", "2021-01-01")

    rows = [{"id": 9, "price": None}, {"id": 10, "price": 5}]
    assert list(run.evidence.tables["insideairbnb.prices"].rows) == examples.rows("insideairbnb", "prices") == rows


def test_databases_of_runs_are_dropped(examples: World) -> None:
    own = examples.stack.postgres.scratch_name().rpartition("_")[0]
    for _ in range(2):
        examples.run("hello", "2021-01-01")

    with examples.sql("postgres") as connection:
        left = connection.execute("SELECT 1 FROM pg_database WHERE starts_with(datname, %s)", [own]).fetchall()
    assert not left
