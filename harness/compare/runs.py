"""Compare two runs of a DAG: yield every change, in the order of the document's fields."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from harness.compare.change import Change, IsUnstable, both, count
from harness.compare.contents import below, compare_objects, compare_tables, describe, find_lines
from harness.compare.model import Service
from harness.compare.names import NamePattern, pair_names
from harness.compare.rows import compare_rows
from harness.compare.values import SHOWN, find_leaves, find_rendered, is_same, show
from harness.compare.verdicts import ABSENT, Path
from harness.evidence.document import (
    AwsCall,
    Interval,
    ObjectDocument,
    RunDocument,
    ScenarioDocument,
    Schedule,
    SidecarDocument,
    TaskDocument,
    WarningDocument,
)

NamePatterns = Callable[[str], Sequence[NamePattern]]
"""Field of a container, such as `objects.data` -> patterns of its unstable names."""
Runs = dict[str, RunDocument]
"""The runs of a scenario by their names: `DAG DATE`, and ` (2)` for the second run of the same DAG and date."""
NEVER_STARTED: Final = (None, "upstream_failed", "skipped", "removed", "scheduled", "queued")
"""States of a task that has not been executed, so its tries and rendered fields say nothing."""


def compare_runs(
    before: RunDocument,
    after: RunDocument,
    is_unstable: IsUnstable,
    patterns: NamePatterns,
    folder_changes: Collection[str] = (),
) -> Iterator[Change]:
    """Yield the changes between two runs.

    `folder_changes` are the fields of the DAG's schedule that already differ between the dags folders.
    """
    yield from _compare_field("refused", before, after)
    if before.refused is not None or after.refused is not None:
        return
    for name in ("state", "exit_code", "run_type"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Change((name,), old, new)
    if before.failure and after.failure and before.failure != after.failure:
        yield Change(("failure",), before.failure, after.failure)
    yield from compare_intervals(before, after)
    if before.schedule is not None and after.schedule is not None:
        changes = compare_schedules(("schedule",), before.schedule, after.schedule)
        yield from (change for change in changes if change.path[-1] not in folder_changes)
    yield from _compare_tasks(before, after)
    yield from _compare_xcoms(before, after, patterns, is_unstable)
    yield from _compare_stores(("objects",), "minio", before.objects, after.objects, is_unstable, patterns)
    yield from compare_tables(before.tables, after.tables, is_unstable)
    yield from _compare_aws(before, after, is_unstable, patterns)
    yield from _compare_sidecars(before.sidecars, after.sidecars)
    yield from _compare_capped_waits(before, after)
    yield from compare_warnings(before.warnings, after.warnings)


def _compare_field(name: str, before: BaseModel, after: BaseModel) -> Iterator[Change]:
    old, new = getattr(before, name), getattr(after, name)
    if old is not None or new is not None:
        yield Change((name,), ABSENT if old is None else old, ABSENT if new is None else new)


def find_scheduled(run: RunDocument) -> Interval | None:
    """Return the interval that a scheduler gives for the run's logical date.

    Return None if the projection does not have that date.
    """
    if run.interval is None or run.schedule is None:
        return None
    date = run.interval.logical_date
    return next((each for each in run.schedule.next if date is not None and each.logical_date == date), None)


def compare_intervals(before: RunDocument, after: RunDocument) -> Iterator[Change]:
    """Yield the changes of the run's interval, with what a scheduler does where that differs."""
    if before.interval is None or after.interval is None:
        return
    detail = tuple(
        f"on the {side}, a scheduler gives this date {format_interval(scheduled)}, not {format_interval(run.interval)} "
        "as `dags test`"
        for side, run in (("baseline", before), ("candidate", after))
        if (scheduled := find_scheduled(run)) is not None and run.interval is not None and scheduled != run.interval
    )
    for path, old, new in find_leaves(("interval",), before.interval.model_dump(), after.interval.model_dump()):
        yield Change(path, old, new, detail=detail)


def compare_schedules(path: Path, before: Schedule, after: Schedule, service: Service = "airflow") -> Iterator[Change]:
    """Yield the changes of a schedule projection.

    The next runs are one field, since one change moves all of them.
    """
    old, new = before.model_dump(), after.model_dump()
    # A schedule without runs, such as None, has nothing to catch up.
    without_runs = not (before.next or after.next)
    for name in ("unreadable", "timetable", "expression", "catchup"):
        if old[name] != new[name] and not (name == "catchup" and without_runs):
            yield Change((*path, name), old[name], new[name], service)
        if name == "unreadable" and (old[name] is not None or new[name] is not None):
            return
    if before.anchor == after.anchor and before.next != after.next:
        first = next((n for n, (a, b) in enumerate(zip(before.next, after.next, strict=False)) if a != b), None)
        at = min(len(before.next), len(after.next)) if first is None else first
        dates = [[run.logical_date for run in one.next] for one in (before, after)]
        sides = (("baseline", before), ("candidate", after)) if dates[0] != dates[1] else ()
        lines = tuple(f"{word}: {_format_runs(one.next)}" for word, one in sides)
        values = f"{_format_run(before.next, at)} -> {_format_run(after.next, at)}"
        message = f"of the next runs from {_short(before.anchor)} on, number {at + 1} differs: {values}"
        yield Change((*path, "next"), old["next"], new["next"], service, message=message, detail=lines)


def _format_run(runs: Sequence[Interval], at: int) -> str:
    return f"{_short(runs[at].logical_date)} ({format_interval(runs[at])})" if at < len(runs) else "(no run)"


def _format_runs(runs: Sequence[Interval]) -> str:
    return ", ".join(_short(run.logical_date) for run in runs) or "no run"


def format_interval(interval: Interval) -> str:
    return f"{_short(interval.start)} .. {_short(interval.end)}"


def _short(moment: str | None) -> str:
    """Return the date alone of a midnight in UTC."""
    return "none" if moment is None else moment.removesuffix("T00:00:00+00:00").removesuffix("T00:00:00Z")


def _compare_tasks(before: RunDocument, after: RunDocument) -> Iterator[Change]:
    for task in sorted(before.tasks.keys() | after.tasks.keys()):
        old, new = before.tasks.get(task), after.tasks.get(task)
        path: Path = ("tasks", task)
        if old is None or new is None:
            yield Change(path, *both(lambda one: ABSENT if one is None else one.state, old, new), task=task)
            continue
        if old.state != new.state:
            yield Change((*path, "state"), old.state, new.state, task=task, detail=tuple(list_exceptions(old, new)))
        exceptions = _name_class(old.exception), _name_class(new.exception)
        if None not in exceptions and exceptions[0] != exceptions[1]:
            lines = [str(exception).splitlines()[0][:SHOWN] for exception in exceptions]
            message = f"failed on both sides: {lines[0]} -> {lines[1]}"
            detail = tuple(list_exceptions(old, new))
            yield Change((*path, "exception"), *exceptions, task=task, message=message, detail=detail)
        if old.state in NEVER_STARTED or new.state in NEVER_STARTED:
            continue
        yield from _compare_executions(path, task, old, new)


def list_exceptions(before: TaskDocument, after: TaskDocument) -> Iterator[str]:
    """Yield the lines of each side's exception, the first with the side."""
    for word, exception in (("baseline", before.exception), ("candidate", after.exception)):
        if exception:
            first, *others = str(_name_class(exception)).splitlines()
            yield from (f"{word}: {first}", *(f"  {line}" for line in others))


def _name_class(exception: str | None) -> str | None:
    """Return the exception without the module of its class.

    The module differs between Airflow 2 and 3.
    """
    return exception and re.sub(r"^(?:\w+\.)+(?=\w+(?::|\n|$))", "", exception)


def _compare_executions(path: Path, task: str, old: TaskDocument, new: TaskDocument) -> Iterator[Change]:
    if old.tries != new.tries:
        yield Change((*path, "tries"), old.tries, new.tries, task=task)
    classes = [operator.rpartition(".")[2] if operator else operator for operator in (old.operator, new.operator)]
    if classes[0] != classes[1]:
        yield Change((*path, "operator"), old.operator, new.operator, task=task)
    for name, value, new_value in find_rendered(old.rendered, new.rendered):
        inner = list(find_leaves((*path, "rendered", name), value, new_value))
        for at, one, other in inner if len(inner) <= 3 else [((*path, "rendered", name), value, new_value)]:
            yield Change(at, one, other, task=task)


def _compare_xcoms(
    before: RunDocument, after: RunDocument, patterns: NamePatterns, is_unstable: IsUnstable
) -> Iterator[Change]:
    for task in sorted(before.xcoms.keys() | after.xcoms.keys()):
        path: Path = ("xcoms", task)
        entries = before.xcoms.get(task, {}), after.xcoms.get(task, {})
        for key, old, new in _pair(path, *entries, patterns, show):
            for change in _compare_json((*path, key), "airflow", old, new, is_unstable):
                yield Change(change.path, change.before, change.after, "airflow", task, change.message, change.detail)


def _compare_json(path: Path, service: Service, before: Any, after: Any, is_unstable: IsUnstable) -> Iterator[Change]:
    """Yield the innermost changes of a JSON value; lists of objects are compared as tables."""
    if before is ABSENT or after is ABSENT:
        yield Change(path, before, after, service)
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _compare_json(
                (*path, key), service, before.get(key, ABSENT), after.get(key, ABSENT), is_unstable
            )
    elif _are_tables(before, after):
        if not is_same(before, after):
            yield from compare_rows(path, service, before, after, below(path, is_unstable))
    elif isinstance(before, list) and isinstance(after, list) and len(before) != len(after):
        yield Change(path, before, after, service, message=f"{len(before)} -> {len(after)} items")
    else:
        for at, old, new in find_leaves(path, before, after):
            yield Change(at, old, new, service)


def _are_tables(before: Any, after: Any) -> bool:
    if not isinstance(before, list) or not isinstance(after, list) or max(len(before), len(after)) < 2:
        return False
    return all(isinstance(row, dict) for row in (*before, *after))


def _pair(
    path: Path,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    patterns: NamePatterns,
    content: Callable[[Any], str],
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name and both values of each entry.

    Entries with unstable names are paired under their pattern.
    """
    found = patterns(".".join(path))
    renamed = pair_names(before, after, found, content) if found else ({}, {})
    old = {renamed[0].get(name, name): value for name, value in before.items()}
    new = {renamed[1].get(name, name): value for name, value in after.items()}
    for name in sorted(old.keys() | new.keys()):
        yield name, old.get(name, ABSENT), new.get(name, ABSENT)


def _compare_stores(
    path: Path,
    service: Service,
    before: Mapping[str, Mapping[str, ObjectDocument]],
    after: Mapping[str, Mapping[str, ObjectDocument]],
    is_unstable: IsUnstable,
    patterns: NamePatterns,
) -> Iterator[Change]:
    for bucket in sorted(before.keys() | after.keys()):
        if bucket not in before or bucket not in after:
            counts = count(before, bucket, "objects"), count(after, bucket, "objects")
            yield Change((*path, bucket), *counts, service)
            continue
        pairs = _pair((*path, bucket), before[bucket], after[bucket], patterns, lambda one: one.sha256)
        for key, old, new in pairs:
            at = (*path, bucket, key)
            if old is ABSENT or new is ABSENT:
                yield Change(at, *both(lambda one: one if one is ABSENT else describe(one), old, new), service)
            elif old != new:
                yield from compare_objects(at, service, old, new, is_unstable)


def _compare_aws(
    before: RunDocument, after: RunDocument, is_unstable: IsUnstable, patterns: NamePatterns
) -> Iterator[Change]:
    old, new = before.aws, after.aws
    yield from _compare_stores(("aws", "objects"), "aws", old.objects, new.objects, is_unstable, patterns)
    for kind in sorted(old.resources.keys() | new.resources.keys()):
        path: Path = ("aws", "resources", kind)
        entries = old.resources.get(kind, {}), new.resources.get(kind, {})
        for name, one, other in _pair(path, *entries, patterns, show):
            yield from _compare_json((*path, name), "aws", one, other, is_unstable)
    for group in sorted(old.logs.keys() | new.logs.keys()):
        path = ("aws", "logs", group)
        for stream, one, other in _pair(path, old.logs.get(group, {}), new.logs.get(group, {}), patterns, show):
            if one is ABSENT or other is ABSENT:
                counts = both(lambda each: each if each is ABSENT else f"{len(each)} lines", one, other)
                yield Change((*path, stream), *counts, "aws")
            elif one != other:
                lines = tuple(find_lines(one, other))
                yield Change((*path, stream), None, None, "aws", message="log differs", detail=lines)
    yield from _compare_calls(old.calls, new.calls)


def _compare_calls(before: Sequence[AwsCall], after: Sequence[AwsCall]) -> Iterator[Change]:
    """Compare the calls of each action as sets, since the number of polls depends on time."""
    actions = sorted({(call.service, call.action) for call in (*before, *after)})
    for service, action in actions:
        old, new = (
            [call for call in calls if (call.service, call.action) == (service, action)] for calls in (before, after)
        )
        path: Path = ("aws", "calls", service, action)
        if not old or not new:
            yield Change(path, *both(lambda calls: f"{len(calls)} calls" if calls else ABSENT, old, new), "aws")
            continue
        for name in ("status", "error", "parameters"):
            values = [_distinct(getattr(call, name) for call in calls) for calls in (old, new)]
            gone, came = (
                [one for one in values[side] if not any(is_same(one, other) for other in values[1 - side])]
                for side in (0, 1)
            )
            if len(gone) == len(came) == 1:
                for at, one, other in find_leaves((*path, name), gone[0], came[0]):
                    yield Change(at, one, other, "aws")
            elif gone or came:
                yield Change((*path, name), gone, came, "aws", message=f"{show(gone)} -> {show(came)}")


def _distinct(values: Iterator[Any]) -> list[Any]:
    return list({show(value, 10**9): value for value in values}.values())


def _compare_sidecars(before: Sequence[SidecarDocument], after: Sequence[SidecarDocument]) -> Iterator[Change]:
    """Pair the containers of each image: equal ones first, then in order of their starts."""
    for image in sorted({sidecar.image for sidecar in (*before, *after)}):
        old, new = ([one for one in side if one.image == image] for side in (before, after))
        for one in list(old):
            if one in new:
                old.remove(one)
                new.remove(one)
        for number in range(max(len(old), len(new))):
            path: Path = ("sidecars", image if number == 0 else f"{image}[{number}]")
            if number >= len(old) or number >= len(new):
                yield Change(path, _format_exit(old, number), _format_exit(new, number), "relay")
                continue
            one, other = old[number], new[number]
            if one.exit_code != other.exit_code:
                yield Change((*path, "exit_code"), one.exit_code, other.exit_code, "relay")
            if one.output != other.output:
                lines = tuple(find_lines(one.output.splitlines(), other.output.splitlines()))
                yield Change(
                    (*path, "output"), one.output, other.output, "relay", message="output differs", detail=lines
                )


def _format_exit(sidecars: Sequence[SidecarDocument], number: int) -> Any:
    return f"exit code {sidecars[number].exit_code}" if number < len(sidecars) else ABSENT


def _compare_capped_waits(before: RunDocument, after: RunDocument) -> Iterator[Change]:
    old, new = (
        {(wait.task, wait.argument): {"declared": wait.declared, "used": wait.used} for wait in run.capped_waits}
        for run in (before, after)
    )
    for task, argument in sorted(old.keys() | new.keys()):
        values = old.get((task, argument), ABSENT), new.get((task, argument), ABSENT)
        for path, one, other in find_leaves(("capped_waits", task, argument), *values):
            yield Change(path, one, other, task=task)


def compare_warnings(
    before: Sequence[WarningDocument], after: Sequence[WarningDocument], service: Service = "airflow"
) -> Iterator[Change]:
    """Compare the warnings as sets, by file and text.

    Line and category are shown and not compared: lines move, and Airflow 3.3 repeats each warning of an imported DAG
    file as a UserWarning.
    """
    old, new = ({(one.file or "", one.text): one for one in side} for side in (before, after))
    for key in sorted(old.keys() ^ new.keys()):
        warning, appears = (new[key], True) if key in new else (old[key], False)
        place = f"{warning.file}:{warning.line}" if warning.file else ""
        values: tuple[Any, Any] = (ABSENT, warning.text) if appears else (warning.text, ABSENT)
        path: Path = ("warnings", warning.category, *((warning.file,) if warning.file else ()))
        message = f"{'warns now' if appears else 'warns no more'}: {show(warning.text, 200)}"
        yield Change(path, *values, service, message=message, detail=(place,) if place else ())


def differs_in_order(before: RunDocument, after: RunDocument) -> bool:
    """Return whether the same tasks started in another order."""
    return before.order != after.order and Counter(before.order) == Counter(after.order)


def name_runs(document: ScenarioDocument) -> Runs:
    """Return the runs of a scenario by their names."""
    runs: Runs = {}
    for run in document.runs:
        name = base = f"{run.dag_id} {run.date}"
        number = 1
        while name in runs:
            number += 1
            name = f"{base} ({number})"
        runs[name] = run
    return runs


def pair_runs(old: ScenarioDocument, new: ScenarioDocument) -> Iterator[tuple[str, RunDocument, RunDocument]]:
    """Yield name and documents of each run that both have."""
    new_runs = name_runs(new)
    yield from ((name, run, new_runs[name]) for name, run in name_runs(old).items() if name in new_runs)
