"""Explanations of failed runs, beyond Airflow's own message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.airflow.dagbag import DagBag, DagFacts
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.facts import RunFacts, TaskResult
from harness.airflow.inside.read_dags import MARK
from harness.airflow.runner import RunRequest
from harness.airflow.runners import ProcessResult
from harness.errors import RunRefusedError
from harness.explain import explain, explain_missing_dag, explain_missing_tasks


def explain_date(
    date: str, start: str | None = "2015-01-01T00:00:00+00:00", end: str | None = "2023-12-21T12:00:00+00:00"
) -> str:
    return explain_missing_tasks(DagBag({"d": DagFacts("d.py", start, end)}, {}), "d", date)


WITHIN = "no task was executed, although the date is within the DAG's dates: has the DAG any task for it?"


@pytest.mark.parametrize(
    "date",
    [
        "2015-01-01",
        "20150101",
        "2015-W01-4",
        "2015-01-01T02:00:00+02:00",
        "2014-12-31T19:00:00-05:00",
        "20200701",
        "2021-W01-1",
        "2023-12-21",
        "2023-12-21T12:00:00",
        "2023-12-21T12:00:00Z",
        "2023-12-22T01:00:00+13:00",
    ],
)
def test_dates_within_the_dags_dates(date: str) -> None:
    assert explain_date(date) == WITHIN


@pytest.mark.parametrize(
    "date",
    [
        "2014-12-31",
        "20141231",
        "2015-W01-3",
        "2014-12-31T23:59:59",
        "2015-01-01T00:00:00+01:00",
        "2023-12-22",
        "2023-12-21T12:00:01",
        "2023-12-21T12:00:00-01:00",
        "2023-W51-5",
    ],
)
def test_dates_outside_the_dags_dates(date: str) -> None:
    assert explain_date(date) == (
        f"no task was executed: {date} is outside the DAG's dates, 2015-01-01 (start_date) to "
        "2023-12-21T12:00:00+00:00 (end_date); Airflow calls such a run a success"
    )


def test_dags_without_start_or_end_date() -> None:
    assert "2014-12-31 is outside the DAG's dates, 2015-01-01 (start_date) to any (end_date)" in explain_date(
        "2014-12-31", end=None
    )
    assert "2024-01-01 is outside the DAG's dates, any (start_date) to 2023-12-21 (end_date)" in explain_date(
        "2024-01-01", start=None, end="2023-12-21T00:00:00+00:00"
    )
    assert explain_date("1970-01-01", start=None, end=None) == WITHIN


def test_midnight_in_another_zone_is_shown_in_full() -> None:
    assert "dates, 2015-01-01T00:00:00+02:00 (start_date) to" in explain_date(
        "2014-12-31", start="2015-01-01T00:00:00+02:00"
    )


def test_a_removed_dag_explains_missing_tasks() -> None:
    assert explain_missing_tasks(DagBag({}, {}), "d", "2021-01-01") == (
        "no task was executed, and DAG 'd' is no longer in the folder"
    )


def test_a_missing_dag_is_explained() -> None:
    folder = Path("dags")
    facts = DagFacts("d.py", None, None)
    assert explain_missing_dag(DagBag({"d": facts}, {"b.py": "broken"}), "d", folder) is None
    assert (
        explain_missing_dag(DagBag({"d": facts, "c": facts}, {}), "x", folder)
        == "DAG 'x' is not in dags, which holds: c, d"
    )
    assert explain_missing_dag(DagBag({}, {}), "x", folder) == "DAG 'x' is not in dags, which holds: no DAG at all"
    trace = 'Traceback:\n  File "b.py", line 2\nKeyError: 1\n'
    assert explain_missing_dag(DagBag({}, {"/a/b.py": trace, "/a/c.py": ""}), "x", folder) == (
        "DAG 'x' is not in dags, where 2 files are broken: b.py: KeyError: 1 (File \"b.py\", line 2); "
        "c.py: (no message)"
    )


def explain_facts(facts: RunFacts, folder: Path, bag: str | None = None) -> str | None:
    """Explain `facts`. `bag` is Airflow's output for the dags folder; None: the folder must not be read."""

    def execute(*arguments: object) -> ProcessResult:
        assert bag is not None, "the folder is not read"
        return ProcessResult(0, bag, 0.1)

    airflow = AirflowEnvironment(Path("python"), "3.12.1", "", {"apache-airflow": "3.3.2"}, ())
    return explain(facts, RunRequest(airflow, facts.dag_id, facts.date, folder, folder, {}, "", 9), execute)


def print_bag(*dag_ids: str, errors: dict[str, str] | None = None) -> str:
    dags = {name: {"file": f"{name}.py", "start": "2020-01-01", "end": None} for name in dag_ids}
    return MARK + json.dumps({"dags": dags, "errors": errors or {}})


def test_other_failures_are_explained_without_the_dags_folder(tmp_path: Path) -> None:
    task = {"t": TaskResult("t", "failed", 1, 1.0)}
    assert explain_facts(RunFacts("d", "2021-01-01", "success", 0), tmp_path) is None
    assert explain_facts(RunFacts("d", "2021-01-01", failure="timed out"), tmp_path) == "timed out"
    assert explain_facts(RunFacts("d", "2021-01-01", "failed", 1, task, failure="t failed"), tmp_path) == "t failed"


def test_a_failed_run_names_a_removed_context_key(tmp_path: Path) -> None:
    file = tmp_path / "d.py"
    file.write_text("def work(**context):\n    return context['execution_date']\n")
    facts = RunFacts(
        "d",
        "2021-01-01",
        "failed",
        1,
        {"t": TaskResult("t", "failed", 1, 1.0)},
        log="KeyError: 'execution_date'",
        failure="the run failed: t failed",
        dag_files={"d": str(file)},
    )
    assert explain_facts(facts, tmp_path) == (
        "the run failed: t failed; d.py:2: Airflow 3 has no 'execution_date' in a run's context; use logical_date"
    )


def test_a_failed_run_on_airflow_3_0_names_a_removed_context_key(tmp_path: Path) -> None:
    """`dags test` of 3.0 records no files of DAGs."""
    (tmp_path / "others.py").write_text("def work(**context):\n    return context['next_ds']\n")
    (tmp_path / "d.py").write_text("DAG_ID = 'd1'\n\ndef work(**context):\n    return context['execution_date']\n")
    task = {"t": TaskResult("t", "failed", 1, 1.0)}
    log = "KeyError: 'execution_date'\nKeyError: 'next_ds'"
    assert explain_facts(RunFacts("d1", "2021-01-01", "failed", 1, task, log=log, failure="t failed"), tmp_path) == (
        "t failed; d.py:4: Airflow 3 has no 'execution_date' in a run's context; use logical_date"
    )


def test_a_dag_that_is_not_in_the_folder_is_refused(tmp_path: Path) -> None:
    facts = RunFacts("x", "2021-01-01", exit_code=1, failure="Airflow made no run")
    with pytest.raises(RunRefusedError, match=r"^DAG 'x' is not in .*, which holds: c, d$"):
        explain_facts(facts, tmp_path, print_bag("d", "c"))
    (tmp_path / "b.py").write_text("from airflow.utils.dates import days_ago\nSTART = days_ago(1)\n")
    with pytest.raises(RunRefusedError, match=r"where a file is broken: b\.py: KeyError; b\.py:1: .*days_ago"):
        explain_facts(facts, tmp_path, print_bag("d", errors={str(tmp_path / "b.py"): "KeyError"}))


def test_a_folder_that_can_not_be_read_explains_nothing(tmp_path: Path) -> None:
    facts = RunFacts("x", "2021-01-01", exit_code=1, failure="Airflow made no run")
    assert explain_facts(facts, tmp_path, "no such program") == "Airflow made no run"


def test_a_success_without_a_task_is_explained_by_the_dates(tmp_path: Path) -> None:
    facts = RunFacts("d", "2019-01-01", "success", 0, failure="no task was executed")
    assert "2019-01-01 is outside the DAG's dates" in str(explain_facts(facts, tmp_path, print_bag("d")))
