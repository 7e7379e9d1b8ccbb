"""Compare two runs of a DAG: yield every change, in the order of the document's fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from harness.compare.change import Change, IsUnstable
from harness.compare.contents import compare_objects, compare_tables, describe, find_lines
from harness.compare.model import Service
from harness.compare.names import pair_names
from harness.compare.rows import compare_rows
from harness.compare.values import find_leaves, find_rendered, is_same, show
from harness.compare.verdicts import ABSENT, Path
from harness.evidence.document import (
    AwsCall,
    Interval,
    ObjectDocument,
    RunDocument,
    Schedule,
    SidecarDocument,
    TaskDocument,
)

NamePatterns = Callable[[str], Sequence[str]]
"""Field of a container, such as `objects.data` -> patterns of its unstable names."""
NEVER_STARTED: Final = (None, "upstream_failed", "skipped", "removed", "scheduled", "queued")
"""States of a task that has not been executed, so its tries and rendered fields say nothing."""
READS: Final = ("Describe", "Get", "List", "Head", "BatchGet")
"""First words of the AWS actions that change nothing. How often they are called depends on time."""


def compare_runs(
    before: RunDocument, after: RunDocument, is_unstable: IsUnstable, patterns: NamePatterns, with_schedule: bool
) -> Iterator[Change]:
    """Yield the changes between two runs. `with_schedule` is false if the dags folder's projection covers this DAG."""
    yield from _compare_field("refused", before, after)
    if before.refused is not None or after.refused is not None:
        return
    for name in ("state", "exit_code", "run_type"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Change((name,), old, new)
    yield from compare_intervals(before, after)
    if with_schedule and before.schedule is not None and after.schedule is not None:
        yield from compare_schedules(("schedule",), before.schedule, after.schedule)
    yield from _compare_tasks(before, after)
    yield from _compare_xcoms(before, after, patterns, is_unstable)
    yield from _compare_stores(("objects",), "minio", before.objects, after.objects, is_unstable, patterns)
    yield from compare_tables(before.tables, after.tables, is_unstable)
    yield from _compare_aws(before, after, is_unstable, patterns)
    yield from _compare_sidecars(before.sidecars, after.sidecars)
    yield from _compare_capped_waits(before, after)
    yield from _compare_warnings(before, after)


def _compare_field(name: str, before: BaseModel, after: BaseModel) -> Iterator[Change]:
    old, new = getattr(before, name), getattr(after, name)
    if old is not None or new is not None:
        yield Change((name,), ABSENT if old is None else old, ABSENT if new is None else new)


def find_scheduled(run: RunDocument) -> Interval | None:
    """Return the interval that a scheduler gives for the run's logical date, if the projection has that date."""
    if run.interval is None or run.schedule is None:
        return None
    date = run.interval.logical_date
    return next((each for each in run.schedule.next if date is not None and each.logical_date == date), None)


def compare_intervals(before: RunDocument, after: RunDocument) -> Iterator[Change]:
    """Yield the changes of the run's interval, with what a scheduler does where that differs."""
    if before.interval is None or after.interval is None:
        return
    detail = tuple(
        f"on the {side}, a scheduler gives this date {scheduled.start} .. {scheduled.end}, not {run.interval.start} .. "
        f"{run.interval.end} as `dags test`"
        for side, run in (("baseline", before), ("candidate", after))
        if (scheduled := find_scheduled(run)) is not None and run.interval is not None and scheduled != run.interval
    )
    for path, old, new in find_leaves(("interval",), before.interval.model_dump(), after.interval.model_dump()):
        yield Change(path, old, new, detail=detail)


def compare_schedules(path: Path, before: Schedule, after: Schedule, service: Service = "airflow") -> Iterator[Change]:
    """Yield the changes of a schedule projection. The next runs are one field, since one change moves all of them."""
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
        lines = tuple(f"{word}: {_format_runs(one.next)}" for word, one in (("baseline", before), ("candidate", after)))
        values = (_format_run(before.next, at), _format_run(after.next, at))
        message = f"of the next runs from {before.anchor} on, number {at + 1} differs: {values[0]} -> {values[1]}"
        yield Change((*path, "next"), old["next"], new["next"], service, message=message, detail=lines)


def _format_run(runs: Sequence[Interval], at: int) -> str:
    return f"{runs[at].logical_date} ({runs[at].start} .. {runs[at].end})" if at < len(runs) else "(no run)"


def _format_runs(runs: Sequence[Interval]) -> str:
    return ", ".join(str(run.logical_date) for run in runs) or "no run"


def _compare_tasks(before: RunDocument, after: RunDocument) -> Iterator[Change]:
    for task in sorted(before.tasks.keys() | after.tasks.keys()):
        old, new = before.tasks.get(task), after.tasks.get(task)
        path: Path = ("tasks", task)
        if old is None or new is None:
            values = [ABSENT if one is None else one.state for one in (old, new)]
            yield Change(path, *values, task=task)
            continue
        if old.state != new.state:
            yield Change((*path, "state"), old.state, new.state, task=task)
        if old.state in NEVER_STARTED or new.state in NEVER_STARTED:
            continue
        yield from _compare_executions(path, task, old, new)


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
    elif _is_table(before) and _is_table(after):
        if not is_same(before, after):
            unstable: IsUnstable = lambda column: is_unstable(".".join((*path, "values", column)))  # noqa: E731
            yield from compare_rows(path, service, before, after, unstable)
    elif isinstance(before, list) and isinstance(after, list) and len(before) != len(after):
        yield Change(path, before, after, service, message=f"{len(before)} -> {len(after)} items")
    else:
        for at, old, new in find_leaves(path, before, after):
            yield Change(at, old, new, service)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(row, dict) for row in value)


def _pair(
    path: Path,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    patterns: NamePatterns,
    content: Callable[[Any], str],
) -> Iterator[tuple[str, Any, Any]]:
    """Yield name and both values of each entry; entries with unstable names are paired under their pattern."""
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
            counts = (f"{len(side[bucket])} objects" if bucket in side else ABSENT for side in (before, after))
            yield Change((*path, bucket), *counts, service)
            continue
        pairs = _pair((*path, bucket), before[bucket], after[bucket], patterns, lambda one: one.sha256)
        for key, old, new in pairs:
            at = (*path, bucket, key)
            if old is ABSENT or new is ABSENT:
                yield Change(at, *(one if one is ABSENT else describe(one) for one in (old, new)), service)
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
                values = (each if each is ABSENT else f"{len(each)} lines" for each in (one, other))
                yield Change((*path, stream), *values, "aws")
            elif one != other:
                lines = tuple(find_lines(one, other))
                yield Change((*path, stream), None, None, "aws", message="log differs", detail=lines)
    yield from _compare_calls(old.calls, new.calls)


def _compare_calls(before: Sequence[AwsCall], after: Sequence[AwsCall]) -> Iterator[Change]:
    """Compare the calls of each action as sets. Their order is not judged, and the number only of those that write."""
    actions = sorted({(call.service, call.action) for call in (*before, *after)})
    for service, action in actions:
        old, new = (
            [call for call in calls if (call.service, call.action) == (service, action)] for calls in (before, after)
        )
        path: Path = ("aws", "calls", service, action)
        if not old or not new:
            yield Change(path, *(f"{len(calls)} calls" if calls else ABSENT for calls in (old, new)), "aws")
            continue
        for name in ("status", "error", "parameters"):
            values = [_distinct(getattr(call, name) for call in calls) for calls in (old, new)]
            gone, came = ([one for one in values[side] if one not in values[1 - side]] for side in (0, 1))
            if len(gone) == len(came) == 1:
                for at, one, other in find_leaves((*path, name), gone[0], came[0]):
                    yield Change(at, one, other, "aws")
            elif gone or came:
                yield Change((*path, name), gone, came, "aws", message=f"{show(gone)} -> {show(came)}")
        if len(old) != len(new) and not action.startswith(READS):
            yield Change((*path, "count"), len(old), len(new), "aws", message=f"{len(old)} -> {len(new)} calls")


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
                exits = (f"exit code {side[number].exit_code}" if number < len(side) else ABSENT for side in (old, new))
                yield Change(path, *exits, "relay")
                continue
            one, other = old[number], new[number]
            if one.exit_code != other.exit_code:
                yield Change((*path, "exit_code"), one.exit_code, other.exit_code, "relay")
            if one.output != other.output:
                lines = tuple(find_lines(one.output.splitlines(), other.output.splitlines()))
                yield Change(
                    (*path, "output"), one.output, other.output, "relay", message="output differs", detail=lines
                )


def _compare_capped_waits(before: RunDocument, after: RunDocument) -> Iterator[Change]:
    old, new = (
        {(wait.task, wait.argument): {"declared": wait.declared, "used": wait.used} for wait in run.capped_waits}
        for run in (before, after)
    )
    for task, argument in sorted(old.keys() | new.keys()):
        values = old.get((task, argument), ABSENT), new.get((task, argument), ABSENT)
        for path, one, other in find_leaves(("capped_waits", task, argument), *values):
            yield Change(path, one, other, task=task)


def _compare_warnings(before: RunDocument, after: RunDocument) -> Iterator[Change]:
    """Compare the warnings as sets. The line of a warning is shown and not compared, since lines move."""
    old, new = ({(one.category, one.file or "", one.text): one for one in run.warnings} for run in (before, after))
    for key in sorted(old.keys() ^ new.keys()):
        warning, appears = (new[key], True) if key in new else (old[key], False)
        place = f"{warning.file}:{warning.line}" if warning.file else ""
        values = (ABSENT, warning.text) if appears else (warning.text, ABSENT)
        path: Path = ("warnings", warning.category, *((warning.file,) if warning.file else ()))
        message = f"{'warns now' if appears else 'warns no more'}: {show(warning.text, 200)}"
        yield Change(path, *values, message=message, detail=(place,) if place else ())


def differs_in_order(before: RunDocument, after: RunDocument) -> bool:
    """Return whether the same tasks started in another order."""
    return before.order != after.order and Counter(before.order) == Counter(after.order)
