"""A handwritten test session that contains everything that a report can show."""

from __future__ import annotations

import datetime as dt

from harness.airflow.facts import TaskResult
from harness.evidence.aws_state import AwsState
from harness.evidence.evidence import Evidence
from harness.evidence.objects import StoredObject
from harness.evidence.tables import TableRows
from harness.report.model import Image, ReportedRun, Scenario, ServiceLines, Session, Stack, TaskLog, Versions
from harness.run import Run
from harness.services.sidecars import Sidecar

BEGAN = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
HOSTILE = "</pre></script><script>document.title='broken'</script><img src=x onerror=alert(1)> & \"quoted\" 'too'"
LONG = "a_group_with_a_long_name.another_group.and_a_task_with_a_name_that_does_not_end"


def task(
    task_id: str, state: str | None, start: float | None = None, seconds: float = 0.0, tries: int = 1
) -> TaskResult:
    if start is None:
        return TaskResult(task_id, state, 0, None)
    began = BEGAN + dt.timedelta(seconds=start)
    return TaskResult(task_id, state, tries, seconds, began, began + dt.timedelta(seconds=seconds))


def by_id(*tasks: TaskResult) -> dict[str, TaskResult]:
    return {task.task_id: task for task in tasks}


def failed_run() -> Run:
    return Run(
        dag_id="inside_airbnb",
        date="2021-01-01",
        state="failed",
        exit_code=1,
        seconds=12.5,
        failure="the run failed: crunch failed",
        tasks=by_id(
            task("export", "success", 0, 2.5),
            task("copy[0]", "success", 2.5, 1),
            task("copy[1]", "failed", 3.5, 0.5),
            task("crunch", "failed", 4, 6.25, tries=2),
            task(LONG, "skipped", 10.3, 0.001),
            task("tell", "upstream_failed"),
            task("later", None),
        ),
        edges=(
            ("export", "copy"),
            ("export", "crunch"),
            ("copy", "crunch"),
            ("crunch", "tell"),
            ("export", "tell"),
            ("tell", "later"),
            ("export", LONG),
        ),
        xcoms={("export", "return_value"): {"rows": [1, None, 2.5]}, ("export", "key"): HOSTILE},
        log="\n".join([*(f"line {number}" for number in range(600)), HOSTILE, "unbroken " + "x" * 400]),
        evidence=Evidence(
            objects={
                "data": {f"results/{HOSTILE}.json": StoredObject(9000, "ab" * 32, f"first line\n{HOSTILE}")},
                "spare": {},
            },
            aws=AwsState(
                objects={"models": {f"digits/{number}": StoredObject(number, "cd" * 32) for number in range(250)}},
                training_jobs={"digits": {"TrainingJobStatus": HOSTILE}},
            ),
            sidecars=(Sidecar("id", "name", "cruncher:1", 7, f"crunching\n{HOSTILE}"),),
            warnings=("a warning", HOSTILE),
            tables={
                "shop.daily_totals": TableRows(
                    tuple({"day": f"2026-03-{n}", "total": None, HOSTILE: [HOSTILE, n]} for n in range(120)),
                    3000,
                    True,
                ),
                "shop.daily": TableRows(unreadable=f"no table {HOSTILE}"),
            },
        ),
    )


def reported(run: Run, *trouble: TaskLog) -> ReportedRun:
    return ReportedRun(run=run, trouble=trouble)


def a_session() -> Session:
    failed = reported(
        failed_run(),
        TaskLog(
            task_id="crunch",
            attempt=2,
            lines=("[error] Task failed", f"ValueError: {HOSTILE}"),
            exception=f"ValueError: {HOSTILE}\nmore",
        ),
        TaskLog(task_id="copy[1]", attempt=1, lines=("[warning] no space left",)),
    )
    fine = Run(
        dag_id="hello",
        date="2021-02-01",
        state="success",
        exit_code=0,
        seconds=0.4,
        tasks=by_id(task("answer", "success", 0, 0.02)),
        log="all is well",
    )
    return Session(
        started=BEGAN,
        seconds=75.2,
        versions=Versions(
            airflow="3.3.2",
            providers={"apache-airflow-providers-amazon": "9.39.0"},
            python="3.12.1",
            harness="1.2.3",
            images={"minio": Image(version="RELEASE.2025-09-07", reference="quay.io/minio")},
        ),
        stacks=(Stack(stack_id="abc-0", start_seconds={"minio": 1.25, "postgres": 2.5, "aws": 0.75}),),
        scenarios=(
            Scenario(
                node_id="scenarios/test_a.py::test_the_cruncher_fails",
                title="the cruncher fails",
                outcome="failed",
                seconds=21.4,
                failure=f"inside_airbnb for 2021-01-01: the run failed: crunch failed {HOSTILE}",
                place="scenarios/test_a.py:12",
                runs=(reported(fine), failed),
                services=(ServiceLines(name="minio", lines=("API: http://127.0.0.1:9000", HOSTILE)),),
                stack_id="abc-0",
            ),
            Scenario(
                node_id="scenarios/test_a.py::test_hello",
                title="hello",
                outcome="passed",
                seconds=0.6,
                runs=(reported(fine),),
                stack_id="abc-0",
            ),
            Scenario(
                node_id="scenarios/test_b.py::test_refused",
                title="refused",
                outcome="failed",
                seconds=0.1,
                failure="RunRefusedError: DAG 'helo' is not in dags",
                check=f">       assert b'41' == {HOSTILE!r}\nE       assert",
                runs=(reported(Run("helo", "2021-02-01", refused=f"DAG 'helo' is not in {HOSTILE}")),),
                stack_id="abc-0",
            ),
            Scenario(
                node_id="scenarios/test_b.py::test_needs_an_engine",
                title="needs an engine",
                outcome="not run",
                seconds=0,
                reason="needs a Docker engine",
            ),
        ),
        remarks=("test_hello: a remark",),
    )
