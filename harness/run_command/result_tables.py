"""Tables of a run's result, for `harness run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape

from harness.evidence.evidence import Evidence
from harness.evidence.objects import Objects
from harness.report.sections import Section
from harness.run import Run
from harness.tables import plain_table

NUMBERS = ("tries", "seconds", "bytes")
COLOURS = {"success": "green", "failed": "red", "upstream_failed": "red", "skipped": "magenta"}


def show_result(console: Console, run: Run, mask: Callable[[str], str]) -> None:
    """Print tables of the tasks and the evidence, with printed output masked by `mask`."""
    evidence = run.evidence
    tasks = plain_table("task", "state", "tries", "seconds", numbers=NUMBERS)
    for name, task in run.tasks.items():
        duration = "" if task.duration is None else f"{task.duration:.1f}"
        tasks.add_row(escape(name), _coloured(task.state or "-"), str(task.tries), duration)
    console.print(tasks)
    _objects(console, "MinIO", evidence.objects)
    _objects(console, "AWS", evidence.aws.objects)
    _resources(console, evidence)
    if evidence.tables:
        watched = plain_table("watched table", "rows", numbers=("rows",))
        for name, rows in evidence.tables.items():
            watched.add_row(escape(name), str(rows.total) if rows.unreadable is None else escape(rows.unreadable))
        console.print(watched)
    if evidence.sidecars:
        sidecars = plain_table("sidecar", "exit code", "last line", numbers=NUMBERS)
        for one in evidence.sidecars:
            last = one.output.strip().splitlines()[-1:] or [""]
            sidecars.add_row(escape(one.image), str(one.exit_code), escape(mask(last[0])))
        console.print(sidecars)
    for other in evidence.containers_past_relay:
        console.print(f"started without the relay and left running: {escape(other.image)} {escape(other.name)}")
    for wait in evidence.capped_waits:
        declared = "no limit" if wait.declared is None else f"{wait.declared:g} s"
        text = f"wait capped at {wait.used:g} s: {wait.task_id}, {wait.argument} ({declared} in the DAG)"
        console.print(escape(text), highlight=False)
    for warning in evidence.warnings:
        console.print(f"warning: {escape(mask(warning))}", highlight=False)


def show_sections(console: Console, sections: Sequence[Section]) -> None:
    """Print why a run failed, as pytest does: each text under its title."""
    for title, text in sections:
        console.rule(escape(title), characters="-", style="default")
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _coloured(state: str) -> str:
    return f"[{COLOURS.get(state, 'default')}]{state}[/]"


def _objects(console: Console, store: str, objects: Objects) -> None:
    if not any(objects.values()):
        return
    table = plain_table(f"objects in {store}", "bytes", "SHA-256", numbers=NUMBERS)
    for bucket, entries in sorted(objects.items()):
        for key, stored in sorted(entries.items()):
            table.add_row(escape(f"{bucket}/{key}"), f"{stored.size:,}", stored.sha256[:12])
    console.print(table)


def _resources(console: Console, evidence: Evidence) -> None:
    aws = evidence.aws
    kinds = {
        "training job": (aws.training_jobs, "TrainingJobStatus"),
        "model": (aws.models, ""),
        "endpoint config": (aws.endpoint_configs, ""),
        "endpoint": (aws.endpoints, "EndpointStatus"),
    }
    table = plain_table("in AWS", "name", "status", numbers=NUMBERS)
    for kind, (found, status) in kinds.items():
        for name, described in found.items():
            table.add_row(kind, escape(name), str(described.get(status, "")))
    if table.rows:
        console.print(table)
