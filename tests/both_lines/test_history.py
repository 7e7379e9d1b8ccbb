"""State before a run: the examples of docs/state.md, and states that Airflow can't have."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.history import to_moment
from harness.errors import RunRefusedError
from harness.world import World
from tests.docs.blocks import blocks

PAGE = Path(__file__).parents[2] / "docs" / "state.md"
IN_AIRFLOW_2 = {
    "from airflow.sdk import DAG, Asset, task": "from airflow.datasets import Dataset as Asset\n"
    "from airflow import DAG\nfrom airflow.decorators import task",
    "from airflow.sdk import DAG, task": "from airflow import DAG\nfrom airflow.decorators import task",
    "run_id=run_id": "include_prior_dates=True",
    "triggering_asset_events": "triggering_dataset_events",
}
BY_SOURCE = """
with DAG("by_source", schedule=[orders], start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)):

    @task
    def source(triggering_asset_events=None):
        (event,) = [event for events in triggering_asset_events.values() for event in events]
        return [event.source_dag_run.run_id, event.source_task_instance.task_id]

    source()
"""


@pytest.fixture
def examples(world: World, harness_airflow: AirflowEnvironment, tmp_path: Path) -> World:
    """The world with the DAGs of the page; a further DAG reads the source of an event."""
    folder = tmp_path / "examples"
    for block in blocks(PAGE):
        if block.title.startswith("dags/"):
            text = block.text + (BY_SOURCE if "invoices" in block.title else "")
            for new, old in IN_AIRFLOW_2.items() if harness_airflow.major == 2 else ():
                text = text.replace(new, old)
            folder.mkdir(exist_ok=True)
            (folder / Path(block.title).name).write_text(text)
    return dataclasses.replace(world, settings=world.settings.model_copy(update={"dags_folder": folder}))


@pytest.mark.parametrize("title", [block.title for block in blocks(PAGE) if block.title.startswith("test_")])
def test_an_example_of_the_page_works(examples: World, title: str) -> None:
    (block,) = [block for block in blocks(PAGE) if block.title == title]
    names: dict[str, Any] = {}
    exec(block.text, names)  # noqa: S102 - the documentation's own code
    (test,) = [cast(Callable[[World], None], each) for name, each in names.items() if name.startswith("test_")]
    lines: list[str] = []
    test(dataclasses.replace(examples, echo=lines.append))
    assert any("[DAG TEST] starting task_id=" in line for line in lines)


def test_runs_that_share_a_database_find_the_state_once(examples: World) -> None:
    earlier = examples.earlier_run(
        "load", dt.date(2026, 2, 1), tasks={"load[0]": "skipped", "load[1]": "success"}, xcoms={("load[1]", "k"): [1]}
    )
    examples.asset_event("s3://shop/orders", source=earlier, triggers="by_source")
    with examples.metadata() as database:
        run = examples.run("by_source", "2026-03-01")
        examples.earlier_run("by_source", "2026-02-01", state="failed")
        again = examples.run("by_source", "2026-03-02", expect="failure")
        states = database.execute("SELECT dag_id, run_type, state FROM dag_run ORDER BY id").fetchall()
        examples.earlier_run("load", "2026-02-01")
        with pytest.raises(RunRefusedError, match=r"load has a run for 2026-02-01T00:00:00\+00:00 already"):
            examples.run("by_source", "2026-03-03")
    assert run.xcoms["source", "return_value"] == [earlier.run_id, "load"]
    assert again.tasks["source"].state == "failed"  # nothing triggered this run
    assert states == [
        ("load", "scheduled", "success"),
        ("by_source", "manual", "success"),
        ("by_source", "scheduled", "failed"),
        ("by_source", "manual", "failed"),
    ]


def test_dates_and_times_are_moments() -> None:
    utc = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    for date in ("2026-03-01", dt.date(2026, 3, 1), dt.datetime(2026, 3, 1), "2026-03-01T01:00:00+01:00"):
        assert to_moment(date) == utc


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"state": "ok"}, "a run of d can't have the state 'ok': use success, failed, running, queued"),
        ({"tasks": {"t": "done"}}, "task 't' can't have the state 'done': use success, failed,"),
        ({"xcoms": {("t", "k"): {1}}}, "the XCom 'k' of task 't' is not JSON (Object of type set is not JSON"),
        ({"date": "soon"}, "'soon' is not a date: write 2021-01-31"),
    ],
)
def test_a_state_that_airflow_can_not_have_is_refused(declared: dict[str, Any], message: str) -> None:
    world = cast(World, SimpleNamespace(_history=[]))
    with pytest.raises(RunRefusedError) as refused:
        World.earlier_run(world, **{"dag_id": "d", "date": "2026-03-01", **declared})
    assert message in str(refused.value)
    assert cast(Any, world)._history == []
