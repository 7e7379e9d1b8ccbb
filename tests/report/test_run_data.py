"""The data of real runs that a report needs: times of tasks, and the DAG's graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.airflow.dagbag import read_dagbag
from harness.airflow.metadata import fresh_database
from harness.airflow.run_environment import run_environment
from harness.world import World

pytestmark = pytest.mark.engine

EXAMPLES = Path(__file__).parent.parent / "example_dags"


@pytest.fixture
def examples(world: World) -> World:
    return dataclasses.replace(world, settings=world.settings.model_copy(update={"dags_folder": EXAMPLES}))


def test_tasks_have_their_times_and_the_dag_its_graph(examples: World) -> None:
    examples.graph = True
    run = examples.run("hello", "2021-01-01")
    assert run.edges == (("answer", "second_try"),)
    first, second = run.tasks["answer"], run.tasks["second_try"]
    assert first.start
    assert first.end
    assert second.start
    assert second.end
    assert first.start < first.end <= second.start < second.end
    assert first.duration == (first.end - first.start).total_seconds()


def test_airflow_3_records_the_graph(examples: World) -> None:
    run = examples.run("hello", "2021-01-01")
    assert run.edges == ((("answer", "second_try"),) if examples.airflow.major >= 3 else None)


def test_the_dagbag_has_the_graph(examples: World, tmp_path: Path) -> None:
    """On Airflow 2.11 the graph is read from here."""
    with fresh_database(examples.airflow, examples.stack.postgres) as url:
        env = run_environment(examples.airflow, tmp_path, EXAMPLES, url, {}, {})
        folder = read_dagbag(examples.airflow, EXAMPLES, env, tmp_path, 60, examples.execute)
    assert folder
    assert [tuple(edge) for edge in folder.dags["hello"].edges] == [("answer", "second_try")]
    assert folder.dags["looks_around"].edges == []
