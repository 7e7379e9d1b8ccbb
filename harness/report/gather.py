"""From a scenario's world to its part of the report: in the process that ran it, masked before it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import RunRefusedError
from harness.evidence.evidence import Evidence
from harness.report import model
from harness.report.outcome import failure_line, outcome_of, reason_of
from harness.report.task_log import last, newest_attempts, trouble
from harness.report.versions import session_versions
from harness.run import Run
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
            runs=tuple(_reported(run, failed, whole) for run in world.runs) if world else (),
            services=tuple(
                model.ServiceLines(name=service.name, lines=lines)
                for service in services
                if _used(service.name, world) and (lines := _last_lines(service))
            ),
            stack_id=stack.stack_id if stack else None,
        ),
        stack=model.Stack(stack_id=stack.stack_id, start_seconds=dict(stack.seconds)) if stack else None,
        versions=session_versions(world.airflow if world else None, stack),
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


def _reported(run: Run, failed: bool, whole: bool) -> model.ReportedRun:
    """Take along of the run what the report has a use for."""
    made = run.refused is None
    carried = replace(
        run,
        log=run.log[-WHOLE_LOG:] if whole else "",
        xcoms=run.xcoms if whole else {},
        dag_files={},
        evidence=run.evidence if failed or whole else Evidence(),
    )
    return model.ReportedRun(run=carried, trouble=_trouble(run) if made and (failed or (whole and run.failure)) else ())


def _trouble(run: Run) -> tuple[model.TaskLog, ...]:
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


def _last_lines(service: Service) -> tuple[str, ...]:
    return tuple(service.log_tail(SERVICE_LINES).splitlines()[-SERVICE_LINES:])


def _used(service: str, world: World | None) -> bool:
    """Whether the last run had to do with it. Where nothing came back, any service may be the cause."""
    made = [run for run in world.runs if run.refused is None] if world else []
    if not made:
        return True
    evidence = made[-1].evidence
    return {
        "minio": bool(evidence.objects),
        "aws": bool(evidence.aws.calls),
        "relay": bool(evidence.sidecars) or "docker" in made[-1].log.lower(),
    }.get(service, True)
