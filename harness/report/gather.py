"""Build a scenario's part of the report, masked, in the process that ran the scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.errors import RunRefusedError
from harness.evidence.evidence import Evidence
from harness.evidence.task_log import find_exception, newest_attempts
from harness.report import model
from harness.report.outcome import failed_check, failure_line, find_place, get_outcome, get_reason
from harness.report.task_log import build_excerpt, find_warnings
from harness.report.versions import session_versions
from harness.run import Run
from harness.services.service import Service
from harness.shown_text import show_values
from harness.world import World

LOG_LINES = 100
SERVICE_LINES = 15
TASKS_SHOWN = 4
"""Maximum number of failed tasks whose logs are shown."""
WHOLE_LOG = 2_000_000
"""Characters of a log that a report keeps; a longer log loses its beginning."""
FINE = ("success", "skipped", "upstream_failed", "removed", None)


def build_part(
    item: pytest.Item,
    world: World | None,
    report: pytest.TestReport,
    error: BaseException | None,
    whole: bool,
    show: Callable[[str], str],
) -> model.Part:
    """Build the scenario's part of the report; `world` is None if its fixture failed.

    `error` is the exception that ended the phase. Without `whole`, only failures include log excerpts and evidence.
    `show` is applied to every text.
    """
    stack = world.stack if world else None
    outcome = get_outcome(report)
    failed = outcome == "failed"
    # No service is involved in the refusal of a run.
    services = world.stack.services if world and failed and not isinstance(error, RunRefusedError) else ()
    part = model.Part(
        scenario=model.Scenario(
            node_id=item.nodeid,
            title=item.name.removeprefix("test_").replace("_", " ").replace("[", " ["),
            outcome=outcome,
            seconds=report.duration,
            reason=get_reason(report) if report.skipped else None,
            failure=failure_line(report, error) if failed else None,
            place=find_place(item, error) if failed and error else None,
            check=failed_check(report, error) if failed else None,
            runs=tuple(_report_run(run, failed, whole) for run in world.runs) if world else (),
            services=tuple(
                model.ServiceLines(name=service.name, lines=lines)
                for service in services
                if _is_used(service.name, world) and (lines := _last_lines(service))
            ),
            stack_id=stack.stack_id if stack else None,
        ),
        stack=model.Stack(stack_id=stack.stack_id, start_seconds=dict(stack.seconds)) if stack else None,
        versions=session_versions(world.airflow if world else None, stack),
    )
    return model.Part.model_validate(show_values(part.model_dump(mode="json"), show))


def _report_run(run: Run, failed: bool, whole: bool) -> model.ReportedRun:
    """Return the run with only the data that the report shows."""
    made = run.refused is None
    carried = replace(
        run,
        log=run.log[-WHOLE_LOG:] if whole else "",
        tasks={name: task if whole else replace(task, rendered={}) for name, task in run.tasks.items()},
        xcoms=run.xcoms if whole else {},
        dag_files={},
        evidence=run.evidence if failed or whole else Evidence(),
    )
    logs = _build_task_logs(run) if made and (failed or (whole and run.failure)) else ()
    return model.ReportedRun(run=carried, trouble=logs)


def _build_task_logs(run: Run) -> tuple[model.TaskLog, ...]:
    """Return log excerpts of the failed tasks in the order of their ends, else of the run."""
    failed = sorted(
        (task for task in run.tasks.values() if task.state not in FINE),
        key=lambda task: (task.end is None, task.end and task.end.timestamp()),
    )[:TASKS_SHOWN]
    attempts = newest_attempts(run.log)
    spoken = [(task, attempts[task.task_id]) for task in failed if task.task_id in attempts]
    if spoken:
        share = LOG_LINES // len(spoken)
        return tuple(
            model.TaskLog(
                task_id=task.task_id,
                attempt=task.tries,
                lines=build_excerpt(lines, share),
                exception=find_exception(lines) if task.state == "failed" else None,
            )
            for task, lines in spoken
        )
    if run.succeeded:  # an assertion of the scenario failed, not the run
        lines = find_warnings([line for task in attempts.values() for line in task], LOG_LINES)
    else:
        lines = build_excerpt(run.log.splitlines(), LOG_LINES)
    return (model.TaskLog(task_id=None, attempt=None, lines=lines),) if lines else ()


def _last_lines(service: Service) -> tuple[str, ...]:
    return tuple(service.log_tail(SERVICE_LINES).splitlines()[-SERVICE_LINES:])


def _is_used(service: str, world: World | None) -> bool:
    """Return whether the last run used the service, or no run was made."""
    made = [run for run in world.runs if run.refused is None] if world else []
    if not made:
        return True
    evidence = made[-1].evidence
    return {
        "minio": bool(evidence.objects),
        "aws": bool(evidence.aws.calls),
        "relay": bool(evidence.sidecars) or "docker" in made[-1].log.lower(),
    }.get(service, True)
