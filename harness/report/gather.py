"""From a scenario's world to its part of the report: in the process that ran it, masked before it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.airflow.run import Run as AirflowRun
from harness.errors import RunRefusedError
from harness.evidence.evidence import Evidence as Gathered
from harness.report import model
from harness.report.outcome import failure_line, outcome_of, reason_of
from harness.report.task_log import last, newest_attempts, trouble
from harness.report.versions import session_versions
from harness.services.service import Service
from harness.world import World

LOG_LINES = 100
SERVICE_LINES = 15
TASKS_SHOWN = 4
"""Of more failed tasks than these no log is shown."""
WHOLE_LOG = 2_000_000
"""Characters of a log that a report keeps; of a longer one, the end."""
FINE = ("success", "skipped", "upstream_failed", "removed", None)


def part_of(
    item: pytest.Item, world: World | None, report: pytest.TestReport, error: BaseException | None, whole: bool
) -> model.Part:
    """What `report` says of the scenario. `world` is None where that did not come as far as having one.

    `error` is what ended the phase. With `whole` the logs and all evidence go along, else only where it failed.
    """
    stack = world.stack if world else None
    outcome = outcome_of(report)
    failed = outcome == "failed"
    # A run that was refused has nothing to do with any service.
    services = world.stack.services if world and failed and not isinstance(error, RunRefusedError) else ()
    part = model.Part(
        scenario=model.Scenario(
            node_id=item.nodeid,
            title=item.name.removeprefix("test_").replace("_", " ").replace("[", " ["),
            outcome=outcome,
            seconds=report.duration,
            reason=reason_of(report) if report.skipped else None,
            failure=failure_line(report, error) if failed else None,
            runs=_runs(world, failed, whole) if world else (),
            services=tuple(
                model.ServiceLines(name=service.name, lines=lines)
                for service in services
                if _used(service.name, world) and (lines := _last_lines(service))
            ),
            stack_id=stack.stack_id if stack else None,
        ),
        stack=model.Stack(stack_id=stack.stack_id, start_seconds=dict(stack.seconds)) if stack else None,
        versions=session_versions(stack),
    )
    return model.Part.model_validate(masked(part.model_dump(mode="json"), stack.mask)) if stack else part


def masked(value: Any, mask: Callable[[str], str]) -> Any:
    """JSON without secrets, in keys and values."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {masked(key, mask): masked(inner, mask) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, mask) for inner in value]
    return value


def _runs(world: World, failed: bool, whole: bool) -> tuple[model.Run, ...]:
    """A run for each attempt, in order."""
    made = list(world.runs)
    runs: list[model.Run] = []
    for dag_id, date in world.attempts:
        if made and (made[0][0].dag_id, made[0][0].date) == (dag_id, date):
            runs.append(_run(*made.pop(0), failed, whole))
        else:
            runs.append(model.Run(dag_id=dag_id, date=date, refused=True))
    return tuple(runs)


def _run(run: AirflowRun, evidence: Gathered, failed: bool, whole: bool) -> model.Run:
    return model.Run(
        dag_id=run.dag_id,
        date=run.date,
        state=run.state,
        exit_code=run.exit_code,
        seconds=run.seconds,
        failure=run.failure,
        tasks=tuple(
            model.Task(
                task_id=task.task_id,
                state=task.state,
                tries=task.tries,
                start=task.start,
                end=task.end,
                seconds=task.duration,
            )
            for task in run.tasks.values()
        ),
        edges=run.edges,
        trouble=_trouble(run) if failed or (whole and run.failure) else (),
        log=run.log[-WHOLE_LOG:] if whole else None,
        evidence=_evidence(evidence) if failed or whole else None,
    )


def _trouble(run: AirflowRun) -> tuple[model.TaskLog, ...]:
    """Of each failed task, in the order in which they ended; of the whole run, where no task tells of its failure."""
    failed = sorted(
        (task for task in run.tasks.values() if task.state not in FINE),
        key=lambda task: (task.end is None, task.end and task.end.timestamp()),
    )[:TASKS_SHOWN]
    attempts = newest_attempts(run.log)
    spoken = [(task, attempts[task.task_id]) for task in failed if task.task_id in attempts]
    if spoken:
        share = LOG_LINES // len(spoken)
        return tuple(
            model.TaskLog(task_id=task.task_id, attempt=task.tries, lines=trouble(lines, share) or last(lines, share))
            for task, lines in spoken
        )
    if run.succeeded:  # it is the scenario that was not content
        lines = trouble([line for task in attempts.values() for line in task], LOG_LINES)
    else:
        lines = trouble(run.log.splitlines(), LOG_LINES) or last(run.log.splitlines(), LOG_LINES)
    return (model.TaskLog(task_id=None, attempt=None, lines=lines),) if lines else ()


def _evidence(evidence: Gathered) -> model.Evidence:
    stores = {"minio": evidence.objects, "aws": evidence.aws.objects}
    return model.Evidence(
        objects=tuple(
            model.Object(store=store, bucket=bucket, key=key, size=stored.size, sha256=stored.sha256)
            for store, buckets in stores.items()
            for bucket, keys in sorted(buckets.items())
            for key, stored in sorted(keys.items())
        ),
        buckets=tuple(f"{store}: {bucket}" for store, buckets in stores.items() for bucket in sorted(buckets)),
        aws={name: found for name, found in evidence.aws.as_json().items() if name != "objects"},
        sidecars=tuple(
            model.Sidecar(
                image=sidecar.image,
                exit_code=sidecar.exit_code,
                output=sidecar.output,
            )
            for sidecar in evidence.sidecars
        ),
        warnings=evidence.warnings,
        containers_past_relay=tuple(
            model.ContainerPastRelay(image=one.image, name=one.name) for one in evidence.containers_past_relay
        ),
    )


def _last_lines(service: Service) -> tuple[str, ...]:
    return tuple(service.log_tail(SERVICE_LINES).splitlines()[-SERVICE_LINES:])


def _used(service: str, world: World | None) -> bool:
    """Whether the last run had to do with it. Where nothing came back, any service may be the cause."""
    if world is None or not world.runs:
        return True
    run, evidence = world.runs[-1]
    return {
        "minio": bool(evidence.objects),
        "aws": bool(evidence.aws.calls),
        "relay": bool(evidence.sidecars) or "docker" in run.log.lower(),
    }.get(service, True)
