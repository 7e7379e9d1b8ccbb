"""A test session made by hand, with something of everything that a report shows."""

from __future__ import annotations

import datetime as dt

from harness.report.model import (
    Evidence,
    Image,
    Object,
    Run,
    Scenario,
    ServiceLines,
    Session,
    Sidecar,
    Stack,
    Task,
    TaskLog,
    Versions,
)

BEGAN = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
HOSTILE = "</pre></script><script>document.title='broken'</script><img src=x onerror=alert(1)> & \"quoted\" 'too'"
LONG = "a_group_with_a_long_name.another_group.and_a_task_with_a_name_that_does_not_end"


def task(task_id: str, state: str | None, start: float | None = None, seconds: float = 0.0, tries: int = 1) -> Task:
    if start is None:
        return Task(task_id=task_id, state=state, tries=0)
    began = BEGAN + dt.timedelta(seconds=start)
    return Task(
        task_id=task_id,
        state=state,
        tries=tries,
        start=began,
        end=began + dt.timedelta(seconds=seconds),
        seconds=seconds,
    )


def failed_run() -> Run:
    return Run(
        dag_id="inside_airbnb",
        date="2021-01-01",
        state="failed",
        exit_code=1,
        seconds=12.5,
        failure="the run failed: crunch failed",
        tasks=(
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
        trouble=(
            TaskLog(task_id="crunch", attempt=2, lines=("[error] Task failed", f"ValueError: {HOSTILE}")),
            TaskLog(task_id="copy[1]", attempt=1, lines=("[warning] no space left",)),
        ),
        log="\n".join([*(f"line {number}" for number in range(600)), HOSTILE, "unbroken " + "x" * 400]),
        evidence=Evidence(
            objects=(
                Object(store="minio", bucket="data", key=f"results/{HOSTILE}.json", size=1234567, sha256="ab" * 32),
                *(
                    Object(store="aws", bucket="models", key=f"digits/{number}", size=number, sha256="cd" * 32)
                    for number in range(250)
                ),
            ),
            buckets=("minio: data", "minio: spare", "aws: models"),
            aws={"training_jobs": {"digits": {"TrainingJobStatus": HOSTILE}}},
            sidecars=(Sidecar(image="cruncher:1", exit_code=7, output=f"crunching\n{HOSTILE}"),),
            warnings=("a warning", HOSTILE),
        ),
    )


def a_session() -> Session:
    fine = Run(
        dag_id="hello",
        date="2021-02-01",
        state="success",
        exit_code=0,
        seconds=0.4,
        tasks=(task("answer", "success", 0, 0.02),),
        log="all is well",
        evidence=Evidence(),
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
                failure=f"inside_airbnb for 2021-01-01: {HOSTILE}",
                runs=(fine, failed_run()),
                services=(ServiceLines(name="minio", lines=("API: http://127.0.0.1:9000", HOSTILE)),),
                stack_id="abc-0",
            ),
            Scenario(
                node_id="scenarios/test_a.py::test_hello",
                title="hello",
                outcome="passed",
                seconds=0.6,
                runs=(fine,),
                stack_id="abc-0",
            ),
            Scenario(
                node_id="scenarios/test_b.py::test_refused",
                title="refused",
                outcome="failed",
                seconds=0.1,
                failure="RunRefusedError: DAG 'helo' is not in dags",
                runs=(Run(dag_id="helo", date="2021-02-01", refused=True),),
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
