"""Short waits: what is capped, and that a run with them ends as the same run with real waits."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.airflow.dagbag import read_dagbag
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.inside.short_waits import cap_waits
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import process
from harness.airflow.waits import shorten_waits
from harness.evidence.capped_waits import CappedWait, read_capped_waits
from harness.world import World

DAGS = Path(__file__).parent / "dags"
MINUTE = dt.timedelta(minutes=1)
SECOND = dt.timedelta(seconds=1)
LOCAL_SETTINGS = """
def task_policy(task):
    if task.task_id == "sensor":
        task.poke_interval = 30
"""


@pytest.fixture
def waits(world: World) -> World:
    return dataclasses.replace(world, settings=world.settings.model_copy(update={"dags_folder": DAGS}))


class Computed:
    """A task whose operator computes an interval."""

    poll_interval = property(lambda self: 60)


@pytest.mark.parametrize(
    ("given", "changes", "then"),
    [
        ({"poke_interval": 60.0}, [("poke_interval", 60.0)], {"poke_interval": 1.0}),
        ({"poll_interval": MINUTE}, [("poll_interval", 60.0)], {"poll_interval": SECOND}),
        (
            {"check_interval": 30, "waiter_delay": 15},
            [("check_interval", 30), ("waiter_delay", 15)],
            {"check_interval": 1, "waiter_delay": 1},
        ),
        ({"retry_delay": MINUTE, "retries": 1}, [("retry_delay", 60.0)], {"retry_delay": SECOND}),
        ({"retry_delay": MINUTE, "retries": 0}, [], {"retry_delay": MINUTE}),
        (
            {"retry_delay": SECOND, "retries": 3, "retry_exponential_backoff": True, "max_retry_delay": None},
            [("max_retry_delay", None)],
            {"retry_delay": SECOND, "max_retry_delay": SECOND},
        ),
        (
            {"poke_interval": 2, "exponential_backoff": True, "max_wait": MINUTE},
            [("poke_interval", 2), ("max_wait", 60.0)],
            {"poke_interval": 1, "max_wait": SECOND},
        ),
        ({"poke_interval": 0.5, "check_interval": True, "waiter_delay": "{{ x }}", "timeout": 60}, [], {"timeout": 60}),
    ],
)
def test_only_waits_of_more_than_a_second_are_capped(
    given: dict[str, Any], changes: list[tuple[str, float]], then: dict[str, Any]
) -> None:
    task, mapped = SimpleNamespace(**given), SimpleNamespace(partial_kwargs=dict(given))
    assert cap_waits(task) == cap_waits(mapped) == changes
    assert vars(task) == mapped.partial_kwargs == {**given, **then}


def test_an_interval_that_the_operator_computes_stays() -> None:
    assert cap_waits(Computed()) == []


CAPPED = (
    CappedWait("mapped", "retry_delay", 60),
    CappedWait("retried", "max_retry_delay", None),
    CappedWait("retried", "retry_delay", 300),
    CappedWait("sensor", "poke_interval", 60),
)


def test_a_run_with_short_waits_ends_as_with_real_waits(waits: World) -> None:
    real = waits.run("waits", "2021-01-01", environment={"MINUTE": "0.001"}, waits="real")
    short = waits.run("waits", "2021-01-01", waits="short")

    for run in (real, short):
        assert {name: (task.state, task.tries) for name, task in run.tasks.items()} == {
            "sensor": ("success", 1),
            "retried": ("success", 3),
            "never_retried": ("success", 1),
            "mapped[0]": ("success", 1),
            "mapped[1]": ("success", 1),
        }
    assert short.seconds < 10
    assert (real.evidence.capped_waits, short.evidence.capped_waits) == ((), CAPPED)


def test_the_policy_comes_after_that_of_the_project(harness_airflow: AirflowEnvironment, tmp_path: Path) -> None:
    """In a new process, with policies in the project's airflow_local_settings.py."""
    (tmp_path / "airflow_local_settings.py").write_text(LOCAL_SETTINGS)
    extra = {"PYTHONPATH": str(tmp_path)}
    env = run_environment(harness_airflow, tmp_path, DAGS, f"sqlite:///{tmp_path}/airflow.db", {}, extra)
    log = shorten_waits(tmp_path)
    bag = read_dagbag(harness_airflow, DAGS, env, tmp_path, 120, process.execute)
    assert bag is not None, (tmp_path / "dagbag.log").read_text()
    assert bag.errors == {}
    assert read_capped_waits(log, "waits") == (*CAPPED[:-1], CappedWait("sensor", "poke_interval", 30))
    assert read_capped_waits(log, "other") == ()
